//! HTTP/2 frames that no library would write (RFC 9113 §4.1).

pub const SETTINGS: u8 = 4;
pub const GO_AWAY: u8 = 7;
pub const ENHANCE_YOUR_CALM: u8 = 11;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

pub fn start() -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    bytes
}

/// `GET http://x/`
pub fn headers(stream: u32, whole: bool) -> Vec<u8> {
    let block = [0x82, 0x86, 0x84, 0x41, 0x01, b'x'];
    frame(1, if whole { 0x5 } else { 0x1 }, stream, &block)
}

pub fn continuation(stream: u32) -> Vec<u8> {
    // One header of 1 kB, not indexed.
    let mut block = vec![0x00, 0x01, b'a', 0x7f, 0x81, 0x07];
    block.extend([b'b'; 1_024]);
    frame(9, 0, stream, &block)
}

pub fn opened_and_reset(stream: u32) -> Vec<u8> {
    let mut bytes = headers(stream, true);
    bytes.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
    bytes
}

/// Kind and payload of each frame.
pub fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut found = Vec::new();
    while bytes.len() >= 9 {
        let length = usize::from(bytes[0]) << 16 | usize::from(bytes[1]) << 8 | usize::from(bytes[2]);
        let Some(payload) = bytes.get(9..9 + length) else { break };
        found.push((bytes[3], payload.to_vec()));
        bytes = &bytes[9 + length..];
    }
    found
}

/// The ClientHello of a version of SSL 3: its minor number, a suite of that time, no extensions (RFC 2246 §7.4.1.2).
pub(super) fn hello(minor: u8) -> Vec<u8> {
    let mut body = vec![3, minor];
    body.extend([7; 32]);
    // No session, TLS_RSA_WITH_AES_128_CBC_SHA and TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, no compression.
    body.extend([0, 0, 4, 0x00, 0x2f, 0xc0, 0x09, 1, 0]);
    let length = u8::try_from(body.len()).unwrap();
    let mut record = vec![22, 3, minor, 0, length + 4, 1, 0, 0, length];
    record.extend(body);
    record
}
