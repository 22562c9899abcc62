//! What a person reads: lines on the serial console.

use core::fmt::{self, Write};

use crate::arch::serial;

/// The serial console. Lines end as terminals want it.
///
/// ```no_run
/// use core::fmt::Write;
/// writeln!(linecard_unikernel::Console, "hello")?;
/// # Ok::<(), core::fmt::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Console;

impl Console {
    /// The key that was pressed, if there is one.
    pub fn key(self) -> Option<u8> {
        serial::take()
    }
}

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if byte == b'\n' {
                serial::put(b'\r');
            }
            serial::put(byte);
        }
        Ok(())
    }
}

/// Writes a line to the console, which cannot fail.
macro_rules! say {
    ($($argument:tt)*) => {{
        use core::fmt::Write as _;
        let _ = writeln!($crate::console::Console, $($argument)*);
    }};
}
pub(crate) use say;
