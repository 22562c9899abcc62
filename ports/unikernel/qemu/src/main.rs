//! `cargo run -p linecard-qemu -- [--machine q35|microvm|virt|virt-pci] [--packed] [--stay]`
//!
//! Builds the image, starts it in QEMU as a router between two network namespaces, and sends real
//! traffic through it: ping, traceroute and, where there is an iperf3, TCP. `--stay` leaves it
//! running until Enter is pressed. It needs root for the namespaces, and installs nothing; for aarch64
//! (`virt`, with its devices on MMIO or on PCI) it unpacks Debian's compiler under `target/` and builds
//! `core` there, once.

use core::time::Duration;
use std::process::ExitCode;

use linecard_qemu::{Guest, Hosts, Machine, Setup, build, missing, stripped_size};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("linecard-qemu: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let (mut machine, mut packed, mut stay) = (Machine::Q35, false, false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--machine" => {
                let name = arguments
                    .next()
                    .ok_or("--machine wants q35, microvm, virt or virt-pci")?;
                machine = name.parse()?;
            }
            "--packed" => packed = true,
            "--stay" => stay = true,
            other => {
                return Err(format!(
                    "no option {other}; known: --machine, --packed, --stay"
                ));
            }
        }
    }
    let programs = [
        machine.processor().emulator(),
        ("ip", "iproute2"),
        ("ping", "iputils-ping"),
        ("traceroute", "traceroute"),
        ("objcopy", "binutils"),
    ];
    if let Some(why) = missing(&programs) {
        return Err(why);
    }
    let image = build(machine.processor(), &[])?;
    let size = stripped_size(&image).map_err(|error| error.to_string())?;
    println!("image: {}, {size} bytes stripped", image.path.display());
    let hosts = Hosts::new().map_err(|error| format!("no namespaces and taps: {error}; root?"))?;
    let setup = Setup {
        machine,
        packed,
        taps: &hosts.taps,
        command_line: ROUTER,
        ..Setup::default()
    };
    let mut guest = Guest::start(&image, &setup).map_err(|error| error.to_string())?;
    let ready = guest.wait_for("ready", Duration::from_secs(20));
    print!("{}", guest.printed());
    if !ready {
        return Err("the image did not come up".into());
    }
    for (program, arguments) in [
        ("ping", "-c 3 -i 0.2 198.51.100.2"),
        ("ping", "-6 -c 3 -i 0.2 2001:db8:2::2"),
        ("traceroute", "-n -q 1 198.51.100.2"),
        ("traceroute", "-6 -n -q 1 2001:db8:2::2"),
    ] {
        println!("left$ {program} {arguments}");
        let (text, well) = hosts.left.output(program, arguments);
        println!("{text}");
        if !well {
            return Err(format!("{program} failed:\n{}", guest.printed()));
        }
    }
    if missing(&[("iperf3", "iperf3")]).is_none() {
        let server = hosts.right.serve("iperf3", "--server --one-off", 5201);
        println!("left$ iperf3 -c 198.51.100.2 -t 3");
        println!("{}", hosts.left.output("iperf3", "-c 198.51.100.2 -t 3").0);
        drop(server);
    }
    if stay {
        println!(
            "left:  nsenter --net={} ping 198.51.100.2",
            hosts.left.path()
        );
        println!("right: nsenter --net={} ping 192.0.2.2", hosts.right.path());
        println!("Enter ends it.");
        let mut line = String::new();
        // An end of the input is as good as Enter.
        let _ = std::io::stdin().read_line(&mut line);
    }
    let before = guest.printed().len();
    guest.press(b'q').map_err(|error| error.to_string())?;
    let well = guest.ends_well(Duration::from_secs(10));
    print!("{}", guest.printed().get(before..).unwrap_or_default());
    if well {
        Ok(())
    } else {
        Err("the image did not end well".into())
    }
}

const ROUTER: &str = "--forwarder router \
    --port virtio,name=left,addr=192.0.2.1/24,addr=2001:db8:1::1/64 \
    --port virtio,name=right,addr=198.51.100.1/24,addr=2001:db8:2::1/64";
