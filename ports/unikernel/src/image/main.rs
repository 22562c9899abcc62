//! The image: a router, a UDP forwarder or a cross-connect, as the kernel command line says.
#![no_std]
#![no_main]

use core::fmt::Write;
use core::panic::PanicInfo;

use linecard_unikernel::config::Config;
use linecard_unikernel::{Boot, Console, exit, replay, run};

// SAFETY: the library declares this function, calls it once, and nobody else has its name.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
fn linecard_main(boot: Boot) -> ! {
    let _ = writeln!(
        Console,
        "linecard {}: {}",
        env!("CARGO_PKG_VERSION"),
        boot.command_line
    );
    #[cfg(feature = "self-test")]
    if let Some(name) = boot.command_line.strip_prefix("--self-test ") {
        exit(linecard_unikernel::self_test::run(name, boot.ram));
    }
    let config = match Config::parse(boot.command_line) {
        Ok(config) => config,
        Err(error) => fail(&error),
    };
    let well = if config.replay {
        replay::run(&config, boot.module, boot.ram)
    } else {
        run::run(&config, boot)
    };
    match well {
        Ok(well) => exit(well),
        Err(error) => fail(&error),
    }
}

fn fail(error: &dyn core::fmt::Display) -> ! {
    let _ = writeln!(Console, "linecard: {error}");
    exit(false)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    // Its message names the file, the line and the column.
    let _ = writeln!(Console, "{info}");
    exit(false)
}
