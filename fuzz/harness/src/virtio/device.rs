//! What the device does against the rules.

use linecard::device::Device as _;
use linecard::platform::Dma;
use linecard_virtio::Transport;
use linecard_virtio::fake::{FakeHandle, RawQueue};
use linecard_virtio::net::Net;

use crate::input::Input;

/// Writes something to a queue that no device may, or may at another time.
pub(super) fn lie(fake: &FakeHandle, what: u8, input: &mut Input<'_>) {
    // The control queue too, where there is one.
    let queue = u16::from(input.u8() % 3);
    let Some(raw) = fake.raw(queue) else {
        return;
    };
    let place = input.u16();
    match what {
        0..=1 => use_one(&raw, place, input.u16().into(), written(input)),
        2 => use_one(&raw, place, input.u32(), written(input)),
        // An index or flags at any moment.
        3 => raw.set_index(place, input.u16()),
        4 => raw.set_index(place, raw.used_index().wrapping_add(input.u16() % 64)),
        5 => raw.set_used(place, input.u32(), input.u32()),
        6 => raw.set_wishes(input.u16(), input.u16()),
        7 => raw.set_wishes(input.u16() % 3, input.u16() % 128),
        8 => raw.fill(place, input.bytes(20)),
        // What a header can say, and then the buffer is used.
        9..=11 => {
            let buffers = match input.u16() {
                many @ 0xff00.. => many,
                some => some % 80,
            };
            let mut header = [0; 12];
            header[0] = input.u8();
            header[1] = input.u8() & 1;
            header[10..].copy_from_slice(&buffers.to_le_bytes());
            raw.fill(place, &header);
            let id = u32::from(place % raw.size());
            use_one(&raw, place, id, 12 + u32::from(input.u8()));
        }
        12 => raw.set_index(place, flags(input)),
        13 => fake.hold(true),
        14 => fake.hold(false),
        _ => {
            raw.set_index(place, raw.flags(place) ^ 0x8080);
        }
    }
}

/// Says that a buffer was used, as a device does that works: an entry, and then the index or the
/// flags.
fn use_one(raw: &RawQueue, place: u16, id: u32, written: u32) {
    if raw.is_packed() {
        raw.set_used(place, id, written);
        // Its turn, by what the driver wrote.
        let available = raw.flags(place) & 0x80 != 0;
        raw.set_index(place, if available { 0x8080 } else { 0 });
    } else {
        let index = raw.used_index();
        raw.set_used(index, id, written);
        raw.set_index(0, index.wrapping_add(1));
    }
}

fn written(input: &mut Input<'_>) -> u32 {
    match input.u8() {
        0 => input.u32(),
        len => u32::from(len) << 3,
    }
}

fn flags(input: &mut Input<'_>) -> u16 {
    [0, 0x80, 0x8000, 0x8080][usize::from(input.u8() % 4)]
}

/// Changes what the device says of itself, or takes it away for a while.
pub(super) fn change<T: Transport, D: Dma, const N: usize>(
    fake: &FakeHandle,
    net: &mut Net<'_, 'static, T, D, N>,
    input: &mut Input<'_>,
) {
    let what = input.u8();
    match what % 10 {
        0 => fake.set_link(what >> 4 & 1 != 0),
        1 => fake.break_down(),
        2 => fake.set_restless(what >> 4 & 1 != 0),
        3 => fake.set_config(input.u16(), input.u16()),
        4 => fake.stick(what >> 4 & 1 != 0),
        5 => fake.refuse_commands(Some(0)),
        6 => {
            // Negotiated or not, refused or not: an answer, and no more.
            let _ = net.set_promiscuous(true);
        }
        7 => fake.ask_to_announce(),
        8 => fake.unplug(what >> 4 & 1 != 0),
        _ => {
            let _ = net.link();
        }
    }
}

/// Ends all that a device may do for a while.
pub(super) fn behave(fake: &FakeHandle) {
    fake.unplug(false);
    fake.hold(false);
    fake.set_restless(false);
    fake.set_config(1, 1500);
    fake.set_link(true);
    fake.refuse_commands(None);
}
