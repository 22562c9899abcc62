//! What a cross-connect does with malformed packets: `run` passes them, `replay` does not, and either
//! can be told otherwise.

use std::fs::{self, File};

use linecard::wire::MacAddr;
use linecard_linux::port::Flow;
use linecard_pcap::{Capture, Writer};

use linecard_testnet::Folder;

use super::{ends, linecard};

#[test]
fn each_command_has_its_default_and_both_can_be_told() {
    let folder = Folder::new("command-malformed");
    let path = |name: &str| folder.join(name).to_str().expect("a name").to_owned();
    let (input, output, json) = (path("in.pcap"), path("out.pcap"), path("stats.json"));
    let to = "203.0.113.1:53".parse().expect("an address");
    let flow = Flow::new("192.0.2.9:1".parse().expect("an address"), to).expect("both are IPv4");
    let mac = MacAddr([2, 0, 0, 0, 0, 9]);
    let good = flow.frame(120, mac, mac).expect("it has room");
    let mut capture = Writer::new(File::create(&input).expect("a file")).expect("a header");
    for data in [&good[..], &good[..60]] {
        capture.write(1_000_000, [data]).expect("a record");
    }
    capture.flush().expect("it is written");

    let port = format!("pcap:{input}");
    let out = format!("pcap:-,out={output}");
    let run = ["run", "-p", &port, "-p", &out];
    let replay = ["replay", &input, &output];
    for (command, choice, sent) in [
        (&run[..], None, 2),
        (&run, Some("drop"), 1),
        (&replay, None, 1),
        (&replay, Some("pass"), 2),
    ] {
        let mut command = linecard(command);
        command.args(["-f", "cross-connect", "--stats-json", &json]);
        if let Some(choice) = choice {
            command.args(["--malformed", choice]);
        }
        let (status, _, stderr) = ends(&mut command);
        assert_eq!(status, Some(0), "{command:?}: {stderr}");
        assert_eq!(
            Capture::open(&output).expect("a capture").len(),
            sent,
            "{command:?}"
        );
        let stats = fs::read_to_string(&json).expect("figures");
        let stats: serde_json::Value = serde_json::from_str(&stats).expect("JSON");
        assert_eq!(stats["worker"]["sent"], sent, "{command:?}");
        let dropped = match sent {
            2 => serde_json::json!({}),
            _ => serde_json::json!({ "truncated": 1 }),
        };
        assert_eq!(stats["worker"]["drops"], dropped, "{command:?}");
    }
}
