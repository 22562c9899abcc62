//! What the image does on a machine that nothing on the host could show: caches, faults, the end.

use core::time::Duration;

use linecard_qemu::{Guest, Machine, Setup, build, missing};

/// Whether the machine can be had here; a failure where it must be.
fn available(machine: Machine) -> bool {
    let skip = std::env::var_os("LINECARD_SKIP_QEMU").map(|_| "LINECARD_SKIP_QEMU is set".into());
    let Some(why) = skip.or_else(|| missing(&[machine.processor().emulator()])) else {
        return true;
    };
    eprintln!("SUITE SKIPPED qemu: {why}");
    let required = std::env::var_os("LINECARD_REQUIRE_QEMU").is_some();
    assert!(!required, "qemu tests are required: {why}");
    false
}

/// Runs the image to its end, by `--self-test` with this name: whether it ended well, and what it
/// said.
fn ends(setup: &Setup<'_>, name: &str) -> (bool, String) {
    let image = build(setup.machine.processor(), &["self-test"]).unwrap();
    let setup = Setup {
        command_line: &format!("--self-test {name}"),
        ..setup.clone()
    };
    let mut guest = Guest::start(&image, &setup).unwrap();
    let well = guest.ends_well(PATIENCE);
    let printed = guest.printed();
    assert!(guest.has_ended(), "{name}: it does not end: {printed}");
    println!("{printed}");
    (well, printed)
}

/// Ends badly, and says so.
fn refuses(setup: &Setup<'_>, name: &str, why: &str) {
    let (well, printed) = ends(setup, name);
    assert!(!well && printed.contains(why), "{name}, {why}: {printed}");
}

const VIRT: Setup<'_> = Setup {
    machine: Machine::Virt,
    properties: &[],
    exit_code: true,
    memory: 16,
    packed: false,
    taps: &[],
    command_line: "",
    module: None,
    output: None,
};

/// `DC CVAC`, `DC CIVAC` and the barriers: memory is written through the caches and read past them,
/// and the other way round.
#[test]
fn qemu_what_one_side_writes_the_other_reads_on_aarch64() {
    if !available(Machine::Virt) {
        return;
    }
    let (well, printed) = ends(&VIRT, "cache");
    assert!(well, "{printed}");
    assert!(printed.contains("cache: DC CVAC, lines of 64"), "{printed}");
}

#[test]
fn qemu_a_panic_says_where() {
    for machine in [Machine::Q35, Machine::Virt] {
        if !available(machine) {
            return;
        }
        let setup = Setup { machine, ..VIRT };
        refuses(&setup, "panic", "ports/unikernel/src/self_test.rs:");
        refuses(&setup, "panic", "deliberate, panic");
    }
}

#[test]
fn qemu_faults_say_where_and_why_on_aarch64() {
    if !available(Machine::Virt) {
        return;
    }
    for (name, why) in [
        ("stack", "fault: the stack is full at 0x400"),
        ("write-code", "fault: it may not be written at 0x400"),
        ("run-data", "fault: it is not code at 0x40"),
        ("null", "fault: nothing is mapped at 0x400"),
        ("beyond", "fault: nothing is mapped at 0x400"),
    ] {
        refuses(&VIRT, name, why);
    }
    refuses(&VIRT, "null", "address 0x8 ");
    refuses(&VIRT, "beyond", "address 0x70000000 ");
    // There it has something.
    let large = Setup {
        memory: 1024,
        ..VIRT
    };
    refuses(&large, "beyond", "beyond: it was not refused");
}

#[test]
fn qemu_faults_say_where_and_why_on_x86_64() {
    for machine in [Machine::Q35, Machine::Microvm] {
        if !available(machine) {
            return;
        }
        let setup = Setup { machine, ..VIRT };
        for (name, why) in [
            ("stack", "fault: the stack is full at 0x1"),
            ("write-code", "fault: it may not be written at 0x1"),
            ("run-data", "fault: it is not code at 0x"),
            ("null", "fault: nothing is mapped at 0x1"),
            ("null", "address 0x8 "),
        ] {
            refuses(&setup, name, why);
        }
    }
}

/// A hypervisor's level is left; and the firmware is called by the other instruction then.
#[test]
fn qemu_the_image_starts_at_either_level() {
    if !available(Machine::Virt) {
        return;
    }
    let setup = Setup {
        properties: &["virtualization=on"],
        ..VIRT
    };
    assert!(ends(&setup, "cache").0);
    turns_itself_off(&setup);
}

/// Where nobody takes an exit code the machine is turned off, which `ends` waits for.
fn turns_itself_off(setup: &Setup<'_>) {
    let setup = Setup {
        exit_code: false,
        ..setup.clone()
    };
    let (well, printed) = ends(&setup, "cache");
    assert!(!well && printed.contains("cache: Ok(true)"), "{printed}");
}

#[test]
fn qemu_the_machine_is_turned_off() {
    for machine in [Machine::Q35, Machine::Virt] {
        if !available(machine) {
            return;
        }
        turns_itself_off(&Setup { machine, ..VIRT });
    }
}

/// Half a second of work; the machine that plays it may be busy.
const PATIENCE: Duration = Duration::from_secs(60);
