//! A mock of Nedap Ons: HTTPS with client certificates, its paths, its limits and its habits.
