//! Netlink messages: built and read as bytes, every length checked.

use std::os::fd::{AsFd, OwnedFd};
use std::vec::Vec;

use crate::sys::call;
use crate::sys::errno::Errno;
use crate::sys::link::{
    CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME, CTRL_CMD_GETFAMILY, GENL_ID_CTRL, InterfaceInfo,
    MessageHeader, NETLINK_GENERIC, NETLINK_ROUTE, NLA_TYPE_MASK, NLM_F_REQUEST, NLMSG_ERROR,
};

/// A netlink socket of one family, and with it of one network namespace.
#[derive(Debug)]
pub(super) struct Socket(OwnedFd);

impl Socket {
    /// A socket that asks about links.
    pub(super) fn route() -> Result<Self, Errno> {
        call::socket(libc::AF_NETLINK, libc::SOCK_RAW, NETLINK_ROUTE).map(Self)
    }

    /// A socket that asks generic families.
    pub(super) fn generic() -> Result<Self, Errno> {
        call::socket(libc::AF_NETLINK, libc::SOCK_RAW, NETLINK_GENERIC).map(Self)
    }

    /// Another descriptor of the same socket.
    pub(super) fn again(&self) -> Result<Self, Errno> {
        let copy = self.0.try_clone();
        copy.map(Self)
            .map_err(|error| Errno(error.raw_os_error().unwrap_or(0)))
    }

    /// Sends a request that has one answer, and gives the answer's body, behind its head.
    pub(super) fn ask(&self, request: &Request) -> Result<Vec<u8>, Errno> {
        let message = request.message();
        call::send(self.as_fd(), &message)?;
        let mut buffer = std::vec![0u8; ANSWER];
        loop {
            let len = match call::receive(self.as_fd(), &mut buffer) {
                Err(Errno::INTR) => continue,
                other => other?,
            };
            let answer = buffer.get(..len).ok_or(Errno::INVAL)?;
            if let Some(body) = body(answer)? {
                return Ok(body.to_vec());
            }
        }
    }

    /// The number of a generic family.
    pub(super) fn family(&self, name: &str) -> Result<u16, Errno> {
        let mut request = Request::generic(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 2);
        request.string(CTRL_ATTR_FAMILY_NAME, name);
        let body = self.ask(&request)?;
        attributes(body.get(GENERIC_HEAD..).unwrap_or(&[]))
            .find(|(kind, _)| *kind == CTRL_ATTR_FAMILY_ID)
            .and_then(|(_, value)| u16_of(value))
            .ok_or(Errno::NOENT)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A message to be sent: a body, then attributes.
#[derive(Debug)]
pub(super) struct Request {
    kind: u16,
    body: Vec<u8>,
}

impl Request {
    /// About a link, with the index of one or 0.
    pub(super) fn link(kind: u16, index: u32) -> Self {
        let mut body = std::vec![0u8; size_of::<InterfaceInfo>()];
        let at = core::mem::offset_of!(InterfaceInfo, index);
        if let Some(field) = body.get_mut(at..at + 4) {
            field.copy_from_slice(&index.to_ne_bytes());
        }
        Self { kind, body }
    }

    /// A generic family's command.
    pub(super) fn generic(family: u16, command: u8, version: u8) -> Self {
        Self {
            kind: family,
            body: std::vec![command, version, 0, 0],
        }
    }

    /// Appends a text with its final zero.
    pub(super) fn string(&mut self, kind: u16, text: &str) {
        let mut bytes = text.as_bytes().to_vec();
        bytes.push(0);
        self.attribute(kind, &bytes);
    }

    /// Appends a number.
    pub(super) fn number(&mut self, kind: u16, value: u32) {
        self.attribute(kind, &value.to_ne_bytes());
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        let len = (ATTRIBUTE_HEAD + value.len()) as u16;
        self.body.extend_from_slice(&len.to_ne_bytes());
        self.body.extend_from_slice(&kind.to_ne_bytes());
        self.body.extend_from_slice(value);
        self.body.resize(self.body.len().next_multiple_of(ALIGN), 0);
    }

    fn message(&self) -> Vec<u8> {
        let head = MessageHeader {
            len: (size_of::<MessageHeader>() + self.body.len()) as u32,
            kind: self.kind,
            flags: NLM_F_REQUEST,
            seq: 1,
            pid: 0,
        };
        let mut message = Vec::with_capacity(head.len as usize);
        message.extend_from_slice(&head.len.to_ne_bytes());
        message.extend_from_slice(&head.kind.to_ne_bytes());
        message.extend_from_slice(&head.flags.to_ne_bytes());
        message.extend_from_slice(&head.seq.to_ne_bytes());
        message.extend_from_slice(&head.pid.to_ne_bytes());
        message.extend_from_slice(&self.body);
        message
    }
}

/// The body of the first message in `answer`; `None` for a mere acknowledgement.
fn body(answer: &[u8]) -> Result<Option<&[u8]>, Errno> {
    let len = answer.get(0..4).and_then(u32_of).ok_or(Errno::INVAL)? as usize;
    let kind = answer.get(4..6).and_then(u16_of).ok_or(Errno::INVAL)?;
    let body = answer
        .get(size_of::<MessageHeader>()..len)
        .ok_or(Errno::INVAL)?;
    if kind != NLMSG_ERROR {
        return Ok(Some(body));
    }
    // The error number is negative, as inside the kernel; 0 acknowledges.
    match body.get(0..4).and_then(u32_of).map(u32::cast_signed) {
        Some(0) => Ok(None),
        Some(number) => Err(Errno(number.wrapping_neg())),
        None => Err(Errno::INVAL),
    }
}

/// The attributes in `bytes`, each with its number and value, up to the first that does not fit.
pub(super) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    core::iter::from_fn(move || {
        let len = usize::from(bytes.get(0..2).and_then(u16_of)?);
        let kind = bytes.get(2..4).and_then(u16_of)?;
        let value = bytes.get(ATTRIBUTE_HEAD..len)?;
        bytes = bytes.get(len.next_multiple_of(ALIGN)..).unwrap_or(&[]);
        Some((kind & NLA_TYPE_MASK, value))
    })
}

/// A 16-bit number of the machine's own order.
pub(super) fn u16_of(bytes: &[u8]) -> Option<u16> {
    bytes.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

/// A 32-bit number of the machine's own order.
pub(super) fn u32_of(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

/// A 64-bit number of the machine's own order.
pub(super) fn u64_of(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
}

/// Bytes of a generic family's head in front of the attributes.
pub(super) const GENERIC_HEAD: usize = 4;

const ATTRIBUTE_HEAD: usize = 4;
const ALIGN: usize = 4;

/// Bytes kept for an answer; a link with all its attributes takes under 4 KiB.
const ANSWER: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn attributes_round_trip() {
        let mut request = Request::generic(16, 3, 2);
        request.string(2, "netdev");
        request.number(1, 0xdead_beef);
        let message = request.message();
        assert_eq!(message.len() % 4, 0);
        let body = body(&message).unwrap().unwrap();
        let all: Vec<_> = attributes(&body[GENERIC_HEAD..]).collect();
        assert_eq!(
            all,
            [
                (2, &b"netdev\0"[..]),
                (1, &0xdead_beef_u32.to_ne_bytes()[..])
            ]
        );
    }

    #[test]
    fn an_error_answer_is_its_number() {
        let mut answer = std::vec![0u8; 36];
        answer[0..4].copy_from_slice(&36u32.to_ne_bytes());
        answer[4..6].copy_from_slice(&NLMSG_ERROR.to_ne_bytes());
        answer[16..20].copy_from_slice(&(-19i32).to_ne_bytes());
        assert_eq!(body(&answer), Err(Errno::NODEV));
        answer[16..20].copy_from_slice(&0i32.to_ne_bytes());
        assert_eq!(body(&answer), Ok(None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = body(&bytes);
            let total: usize = attributes(&bytes).map(|(_, value)| value.len() + 4).sum();
            prop_assert!(total <= bytes.len());
        }
    }
}
