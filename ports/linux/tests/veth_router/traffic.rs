//! TCP and UDP between the hosts: checksums that the kernel leaves to the device included.

use core::time::Duration;
use std::fs;

use linecard_testnet::Child;

use super::DATAGRAMS;
use super::hosts::{Hosts, RIGHT_4, RIGHT_6, reaches};

#[test]
fn veth_a_large_file_arrives_whole() {
    let Some(hosts) = Hosts::new("file") else {
        return;
    };
    let router = hosts.start();
    let (there, here) = (hosts.file("there"), hosts.file("here"));
    // 100 MB that do not repeat: an xorshift generator.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let words = core::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_ne_bytes()
    });
    let bytes: Vec<u8> = words.take(100_000_000 / 8).flatten().collect();
    fs::write(&there, &bytes).expect("the file");

    let folder = there.parent().expect("a folder").display();
    let server = format!("-m http.server --bind :: 8000 --directory {folder}");
    let _server = hosts.right.serve("python3", &server, 8000);
    for url in [
        format!("http://{RIGHT_4}:8000/there"),
        format!("http://[{RIGHT_6}]:8000/there"),
    ] {
        let mut curl = hosts.left.command("curl");
        curl.args([
            "--silent",
            "--show-error",
            "--fail",
            "--connect-timeout",
            "5",
            "--max-time",
            "60",
        ]);
        curl.args([
            "--retry",
            "20",
            "--retry-delay",
            "1",
            "--retry-connrefused",
            "--output",
        ]);
        let mut curl = Child::start(curl.arg(&here).arg(&url));
        assert!(
            curl.wait(Duration::from_secs(90)).success(),
            "{url}: {}",
            curl.printed()
        );
        assert!(
            fs::read(&here).expect("the file") == bytes,
            "{url}: other bytes arrived"
        );
    }
    hosts.stop(router);
}

#[test]
fn veth_streams_and_datagrams_flow() {
    let Some(hosts) = Hosts::new("flow") else {
        return;
    };
    let router = hosts.start();
    let runs = [
        format!("-c {RIGHT_4} -t 2 -J"),
        format!("-c {RIGHT_6} -t 2 -J"),
        format!("-c {RIGHT_4} -t 2 -R -J"),
        format!("-c {RIGHT_4} -u -b {DATAGRAMS} -l 1400 -t 2 -J"),
        format!("-c {RIGHT_6} -u -b {DATAGRAMS} -l 1400 -t 2 -J"),
    ];
    for run in runs {
        // A server for each: one that goes on closes its socket for a moment between two runs.
        let server = "--server --one-off";
        let _server = hosts.right.serve("iperf3", server, 5201);
        let text = hosts.left.run("iperf3", &run);
        let json: serde_json::Value = serde_json::from_str(&text).expect("iperf3 speaks JSON");
        let udp = run.contains("-u");
        let sum = &json["end"][if udp { "sum" } else { "sum_received" }];
        let mut rate = sum["bits_per_second"].as_f64().unwrap_or(0.0);
        if udp {
            // The rate is the sender's.
            let lost = sum["lost_percent"].as_f64().unwrap_or(100.0);
            assert!(lost < 20.0, "{run}: {lost} % lost\n{text}");
            rate *= 1.0 - lost / 100.0;
        }
        let least = if udp { DATAGRAMS as f64 / 2.0 } else { 20e6 };
        assert!(rate > least, "{run}: {rate} bit/s\n{text}");
    }
    assert!(reaches(&hosts.left, RIGHT_4));
    hosts.stop(router);
}
