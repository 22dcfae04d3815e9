//! What every connector over HTTP shares: the certificate, permits, the meter, and what an answer or its absence means.

pub(super) mod again;
pub(super) mod meter;
pub(super) mod permits;
pub mod tls;
