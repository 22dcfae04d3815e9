//! One flow: password, second factor, choose client, approve.
