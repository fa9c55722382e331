# Sourced by the services: the key that the server asks for. It is the one of the options, or else one that is made at the
# first start and kept, so that nothing on the app's network gets in without a key.
KEY_FILE=${KEY_FILE:-/data/api_key}

picoqwen_key() {
  if bashio::config.has_value api_key; then
    bashio::config api_key
    return
  fi
  if [ ! -s "$KEY_FILE" ]; then
    (umask 077 && head -c 24 /dev/urandom | base64 | tr '+/' '-_' > "$KEY_FILE")
  fi
  cat "$KEY_FILE"
}
