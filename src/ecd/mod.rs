//! Where data comes from: connectors to the ECD products, source schemas, and the mock servers.
