//! stub
#[derive(Debug, Default)]
pub struct Keys {}
