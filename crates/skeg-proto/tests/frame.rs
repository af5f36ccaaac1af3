//! Frames: what is written is read, and nothing else is taken for one.

use proptest::prelude::*;
use skeg_proto::frame::{
    Fields, Flags, Frame, Framed, HEADER_BYTES, Op, PAYLOAD_BYTES_MAX, pack, unpack,
};

const PING: [u8; HEADER_BYTES] =
    [0x4B, 0x56, 1, 0x80, 3, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 9, 9, 9, 9];

#[test]
fn a_header_has_these_bytes() {
    let frame = Frame {
        op: Op::Ping as u8,
        flags: Flags::WAIT_DURABLE.with(Flags::NO_REPLY),
        id: 0x0807_0605_0403_0201,
        payload: b"",
    };
    assert_eq!(Frame::read(&PING), Ok(Framed::Whole(frame, HEADER_BYTES)));
    let mut written = Vec::new();
    frame.write(&mut written);
    assert_eq!(written[..20], PING[..20]);
    assert_eq!(written[20..], [0; 4]);
}

#[test]
fn what_no_frame_has_is_refused_with_its_id() {
    for (at, byte, id) in [
        (0, 0x4C, 0),
        (1, 0, 0),
        (2, 2, 0x0807_0605_0403_0201),
        (5, 1, 0x0807_0605_0403_0201),
        (19, 2, 0x0807_0605_0403_0201),
    ] {
        let mut bytes = PING;
        bytes[at] = byte;
        assert_eq!(Frame::read(&bytes).expect_err("refused").id, id, "byte {at}");
    }
}

#[test]
fn a_packed_payload_takes_no_memory_that_its_block_cannot_fill() {
    let length = (PAYLOAD_BYTES_MAX as u32).to_le_bytes();
    let mut bomb = length.to_vec();
    bomb.extend_from_slice(&[0x1F; 100]);
    assert_eq!(unpack(&bomb), None);
    let mut too_long = (PAYLOAD_BYTES_MAX as u32 + 1).to_le_bytes().to_vec();
    too_long.resize(1 << 20, 0);
    assert_eq!(unpack(&too_long), None);
    let zeros = vec![0; 100_000];
    let packed = pack(&zeros).expect("zeros are packed");
    assert!(packed.len() < 500);
    assert_eq!(unpack(&packed), Some(zeros));
    assert_eq!(pack(b"short"), None);
}

proptest! {
    #[test]
    fn frames_are_found_however_they_arrive(
        frames in prop::collection::vec(
            (any::<u8>(), 0_u32..256, any::<u64>(), prop::collection::vec(any::<u8>(), 0..40)),
            0..6,
        ),
        cut in 0_usize..400,
    ) {
        let mut bytes = Vec::new();
        for (op, flags, id, payload) in &frames {
            Frame { op: *op, flags: Flags(*flags), id: *id, payload }.write(&mut bytes);
        }
        let whole = bytes.clone();
        bytes.truncate(cut);
        let mut at = 0;
        let mut found = 0;
        let wanted = loop {
            match Frame::read(&bytes[at..]).expect("frames") {
                Framed::Whole(frame, consumed) => {
                    let (op, flags, id, payload) = &frames[found];
                    prop_assert_eq!((frame.op, frame.flags.0, frame.id), (*op, *flags, *id));
                    prop_assert_eq!(frame.payload, &payload[..]);
                    at += consumed;
                    found += 1;
                }
                Framed::Partial(wanted) => break wanted,
            }
        };
        // What is missing is as much as the header says, as soon as there is one.
        prop_assert!(wanted > bytes.len() - at);
        if bytes.len() - at >= HEADER_BYTES {
            prop_assert!(at + wanted <= whole.len());
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut framed = PING.to_vec();
        framed.extend_from_slice(&bytes);
        for bytes in [&bytes, &framed] {
            if let Ok(Framed::Whole(frame, consumed)) = Frame::read(bytes) {
                prop_assert!(consumed <= bytes.len() && frame.payload.len() <= consumed);
            }
        }
        let mut fields = Fields::new(&bytes);
        if let Ok(name) = fields.name() {
            prop_assert!(name.len() + 2 <= bytes.len());
            let _ = fields.vector();
        }
        if let Some(unpacked) = unpack(&bytes) {
            prop_assert!(unpacked.len() <= bytes.len() * 256);
        }
    }

    #[test]
    fn what_is_packed_is_unpacked(bytes in prop::collection::vec(0_u8..3, 0..2_000)) {
        if let Some(packed) = pack(&bytes) {
            prop_assert_eq!(unpack(&packed), Some(bytes));
        }
    }
}
