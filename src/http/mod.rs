//! axum: state, router, extractors, layers, thin handlers.
