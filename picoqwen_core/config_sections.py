"""Where each setting stands in a TOML file. What the settings are stands in config.py."""

from collections.abc import Mapping

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "server": (
        "host",
        "port",
        "api_key",
        "api_keys",
        "api_key_file",
        "ingress_address",
        "announce",
        "allowed_origins",
        "max_connections",
        "rate_limit",
        "first_token_timeout",
        "idle_timeout",
        "max_body_bytes",
        "log_level",
        "log_format",
    ),
    "models": (
        *("model", "models_dir", "built_in", "max_loaded_models", "default_quantization", "keep_alive"),
        *("pinned_models", "hub_url", "hub_token"),
    ),
    "resources": (
        *("threads", "cpu_target", "nice", "max_context_length", "kv_cache", "parallel_requests"),
        *("cache_memory_mb", "cache_file_mb", "speculation", "draft_model", "max_memory_mb", "cache_dir"),
    ),
    "agents": (
        *("agents", "mcp", "mcp_servers", "agent_tools", "web_search_engine", "searxng_url"),
        *("allowed_hosts", "agents_dir", "flows_dir"),
    ),
    "hybrid": (
        *("upstreams", "routing", "privacy", "budget_per_day", "budget_per_month", "budget_file"),
        *("health_check_interval", "hedge"),
    ),
}
