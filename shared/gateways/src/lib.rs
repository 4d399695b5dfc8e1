//! Payment providers over HTTPS: pure mappings and one client.
