# Sourced by the scripts that build and run the app's image: buildah with its images in a folder of their own, $WORK.
# shellcheck shell=bash
image_tool() { buildah --root "$WORK/storage" --runroot "$WORK/run" --storage-driver vfs "$@"; }
