//! SMS and mail out of the outbox.
