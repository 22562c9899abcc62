//! The kernel's interface: layouts, numbers and system calls, and nothing that decides.
//!
//! - [`if_xdp`]: AF_XDP sockets (`include/uapi/linux/if_xdp.h`);
//! - [`bpf`]: maps, programs and links (`include/uapi/linux/bpf.h`);
//! - [`link`]: interfaces over rtnetlink, generic netlink and ethtool;
//! - [`call`]: the system calls themselves, each one function that is safe to call;
//! - [`errno`]: what a system call answers when it refuses.
//!
//! Names follow the kernel's in Rust spelling; the kernel's own stand as `doc(alias)`. Every
//! constant links the header line that defines it, every layout is asserted at compile time.

/// Defines constants of a kernel header, each with a link to the line that defines it.
macro_rules! uapi {
    ($tag:literal, $file:literal: $($(#[$attr:meta])* $name:ident: $ty:ty = $value:expr, $line:literal;)*) => {
        $(
            $(#[$attr])*
            #[doc = concat!(
                "\n\n[`", $file, ":", $line, "`](https://github.com/torvalds/linux/blob/", $tag,
                "/include/uapi/linux/", $file, "#L", $line, ")"
            )]
            pub(crate) const $name: $ty = $value;
        )*
    };
}

/// Asserts size and field offsets of a kernel structure at compile time.
macro_rules! layout {
    ($ty:ty, size $size:literal $(, $field:ident @ $offset:literal)* $(,)?) => {
        const _: () = {
            assert!(size_of::<$ty>() == $size);
            $(assert!(core::mem::offset_of!($ty, $field) == $offset);)*
        };
    };
}

pub(crate) mod bpf;
#[allow(unsafe_code)]
pub(crate) mod call;
pub(crate) mod errno;
pub(crate) mod if_xdp;
pub(crate) mod link;
