//! Apps, SMART scopes, grants, tokens, keys, discovery.
