//! The command line.

mod draft;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Forwards packets: a router, a cross-connect, a UDP forwarder.
///
/// Without a command it shows what it can do: the router on in-memory ports, under a built-in
/// generator, for five seconds. That needs neither root nor network.
#[derive(Debug, Parser)]
#[command(name = "linecard", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    /// What to do; nothing means `demo`.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Flags of `demo`, which may be left out.
    #[command(flatten)]
    pub(crate) demo: DemoArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Route made-up packets in memory and say how fast
    Demo(DemoArgs),
    /// Forward between ports until told to stop
    Run(RunArgs),
    /// Send a capture through a forwarder: same in, same out
    Replay(ReplayArgs),
    /// Say what works on this machine, and what to do about the rest
    Check(CheckArgs),
}

/// Flags of `linecard demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// How long to run
    #[arg(long, value_name = "TIME", default_value = "5s")]
    pub(crate) duration: String,
    /// Routes in the table
    #[arg(long, value_name = "N", default_value_t = 500_000,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) routes: u32,
    /// Different flows, in random order
    #[arg(long, value_name = "N", default_value_t = 8_192,
          value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub(crate) flows: u32,
    /// Bytes of a frame in memory, without its checksum
    #[arg(long, value_name = "BYTES", default_value_t = 60,
          value_parser = clap::value_parser!(u16).range(60..=1514))]
    pub(crate) size: u16,
    /// Pool, worker and statistics.
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// Flags of `linecard check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Interfaces to look at; without any, all Ethernet interfaces
    #[arg(value_name = "INTERFACE")]
    pub(crate) interfaces: Vec<String>,
}

/// Flags of `linecard run`.
#[derive(Debug, Args)]
#[command(after_help = GRAMMAR)]
pub(crate) struct RunArgs {
    /// A TOML file; flags are laid over it
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// End after this time, as 10s; without it, on SIGINT, SIGTERM or SIGHUP
    #[arg(long, value_name = "TIME")]
    pub(crate) duration: Option<String>,
    /// A port: af_xdp:IF, pcap:FILE, vhost-user:SOCKET, vhost-user-server:SOCKET, dpdk:DEVICE,
    /// generator, loopback or null, with options (below); repeatable
    #[arg(short, long = "port", value_name = "PORT")]
    pub(crate) ports: Vec<String>,
    /// Workers that share the ports' queues [default: one, or one for each --cpu]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<u64>,
    /// Router: how often a port says by MLD which groups it listens to, 0 for never [default: 2]
    #[arg(long, value_name = "N")]
    pub(crate) listener_reports: Option<u64>,
    /// An argument of DPDK's environment, for dpdk: ports; repeatable
    #[arg(long, value_name = "ARGUMENT", allow_hyphen_values = true)]
    pub(crate) eal: Vec<String>,
    /// What happens to packets.
    #[command(flatten)]
    pub(crate) forwarder: ForwarderArgs,
    /// Pool, worker and statistics.
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// Flags of `linecard replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// What is received: pcap or pcapng, by the packets' own clock
    #[arg(value_name = "IN.pcap")]
    pub(crate) input: PathBuf,
    /// Where what is sent is written
    #[arg(value_name = "OUT.pcap")]
    pub(crate) output: PathBuf,
    /// A TOML file: its first port receives, all ports send to OUT.pcap, their devices are not used
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The longest packet, without its Ethernet header, that a router sends on
    #[arg(long, value_name = "BYTES", default_value_t = 1500,
          value_parser = clap::value_parser!(u16).range(1280..))]
    pub(crate) mtu: u16,
    /// Leave Ethernet destinations as captured; otherwise packets are taken as sent to the router
    #[arg(long)]
    pub(crate) as_captured: bool,
    /// What happens to packets.
    #[command(flatten)]
    pub(crate) forwarder: ForwarderArgs,
    /// Pool, worker and statistics.
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// What happens to packets.
#[derive(Debug, Default, Args)]
pub(crate) struct ForwarderArgs {
    /// router, cross-connect or udp
    #[arg(short, long, value_name = "NAME")]
    pub(crate) forwarder: Option<String>,
    /// Router: "PREFIX via ADDRESS [port NAME]" or "PREFIX port NAME"
    #[arg(long = "route", value_name = "ROUTE")]
    pub(crate) routes: Vec<String>,
    /// Router: "ADDRESS MAC [port NAME]", a station that need not be asked for
    #[arg(long = "neighbour", value_name = "NEIGHBOUR")]
    pub(crate) neighbours: Vec<String>,
    /// Cross-connect: "NAME NAME", two ports that are wired together
    #[arg(long, value_name = "PAIR")]
    pub(crate) connect: Vec<String>,
    /// Cross-connect: pass or drop malformed packets [default: pass; replay: drop]
    #[arg(long, value_name = "CHOICE")]
    pub(crate) malformed: Option<String>,
    /// UDP forwarder: "[port NAME] [src P] [dst P] to port NAME [src E] [dst E] [dst-mac MAC]"
    #[arg(long, value_name = "RULE")]
    pub(crate) udp: Vec<String>,
}

/// Pool, worker and statistics.
#[derive(Debug, Default, Args)]
pub(crate) struct CommonArgs {
    /// Frames of the pool [default: 16384; replay: 2048]
    #[arg(long, value_name = "N")]
    pub(crate) frames: Option<u64>,
    /// Bytes of a frame, a power of two [default: 2048; replay: 32768]
    #[arg(long, value_name = "BYTES")]
    pub(crate) frame_size: Option<u64>,
    /// prefer, require or never [default: prefer]
    #[arg(long, value_name = "CHOICE")]
    pub(crate) huge_pages: Option<String>,
    /// Reserve huge pages that are missing, and give them back at the end; wants root
    #[arg(long)]
    pub(crate) reserve_huge_pages: bool,
    /// The worker's CPU, or each worker's, as 2,3 [default: wherever the kernel likes; demo: the last one]
    #[arg(long = "cpu", value_name = "N[,N...]", value_delimiter = ',')]
    pub(crate) cpus: Vec<u64>,
    /// Most packets of a burst: 16, 32 or 64 [default: 32]
    #[arg(long, value_name = "N")]
    pub(crate) burst: Option<u64>,
    /// What a worker does when nothing comes: spin, yield or sleep:TIME [default: yield]
    #[arg(long, value_name = "STRATEGY")]
    pub(crate) idle: Option<String>,
    /// Time between two lines of statistics, or never [default: 1s]
    #[arg(long, value_name = "TIME")]
    pub(crate) stats_interval: Option<String>,
    /// Write the final figures as JSON to this file, or - for standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) stats_json: Option<PathBuf>,
}

/// What a port may be told; `config::device` reads it.
const GRAMMAR: &str = "\
Ports:
  af_xdp:IF[,queue=N][,queues=COUNT][,mode=auto|native|generic][,zero-copy=auto|yes|no][,ring=N]
  pcap:FILE[,out=FILE][,loop=N|endless][,timing=fast|original], where FILE may be - for none
  vhost-user:SOCKET[,ring=N][,packed=auto|yes|no][,queues=COUNT]
  vhost-user-server:SOCKET[,packed=auto|yes|no][,queues=COUNT]
  dpdk:DEVICE[,ring=N][,mtu=SIZE][,queues=COUNT][,rss=FIELDS][,rss-key=symmetric|HEX][,rss-queues=COUNT][,eal=ARGUMENT], where the build has the feature dpdk
  generator[,flows=N][,size=BYTES][,count=N][,queues=COUNT]
  loopback
  null
  and each [,name=NAME][,addr=ADDRESS/LENGTH]...[,mac=MAC]; a name is port0, port1, ... if not given

Of dpdk ports:
  other options are the device's; FIELDS is ip+tcp+udp, or single ones as ipv4-tcp; HEX is the key's bytes

Of UDP rules:
  P is ADDRESS[/LENGTH][:PORT], [IPV6[/LENGTH]]:PORT or *:PORT: what matches
  E is ADDRESS[:PORT], [IPV6]:PORT or *:PORT: what it becomes";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::config::{Config, Device, Forwarder};

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Every `linecard ...` of the README's shell examples.
    #[test]
    fn what_the_readme_says_is_understood() {
        let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        // In the workspace, or where a package has it.
        let places = ["../../README.md", "README.md"].map(|place| here.join(place));
        let read = |place| std::fs::read_to_string(place).ok();
        let readme = places.iter().find_map(read).unwrap();
        let commands = readme
            .lines()
            .filter(|line| line.starts_with("linecard "))
            .map(|line| {
                line.split('#')
                    .next()
                    .unwrap_or_default()
                    .split_whitespace()
            });
        let mut count = 0;
        for command in commands {
            let words: Vec<&str> = command.collect();
            let cli = Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{error}"));
            match cli.command {
                Some(Command::Run(args)) => drop(Config::try_from(args.draft().unwrap()).unwrap()),
                Some(Command::Replay(args)) => {
                    drop(Config::try_from(args.draft().unwrap()).unwrap());
                }
                Some(Command::Check(_)) => {}
                other => panic!("{words:?}: {other:?}"),
            }
            count += 1;
        }
        assert_eq!(count, 9, "check, seven times run, and replay");
    }

    /// The ports of the grammar that `run` shows, with each option once.
    #[test]
    fn what_the_help_says_of_ports_is_understood() {
        let ports = GRAMMAR.lines().skip(1);
        for port in ports.take_while(|line| !line.starts_with("  and each")) {
            let text = port.trim().split(", where").next().unwrap_or_default();
            let text = text.replace("IF", "eth1").replace("FILE", "a.pcap");
            let text = text
                .replace("SOCKET", "a.sock")
                .replace("DEVICE", "net_null0");
            let mut words = text.split('[');
            let kind = words.next().unwrap_or_default();
            for option in words {
                let option = option.trim_end_matches(']');
                let (key, values) = option.split_once('=').unwrap();
                for value in values.split('|') {
                    let value = value
                        .replace("SIZE", "1500")
                        .replace("BYTES", "64")
                        .replace("COUNT", "4")
                        .replace("FIELDS", "ip+tcp+udp")
                        .replace("HEX", "6d5a")
                        .replace('N', "64");
                    Device::parse(&format!("{kind}{key}={value}")).unwrap();
                }
            }
            Device::parse(kind).unwrap();
        }
    }

    #[test]
    fn nothing_means_demo() {
        let cli = Cli::try_parse_from(["linecard"]).unwrap();
        assert!(cli.command.is_none());
        assert_eq!((cli.demo.routes, cli.demo.flows), (500_000, 8_192));
        let cli = Cli::try_parse_from(["linecard", "--duration", "1s"]).unwrap();
        assert_eq!(cli.demo.duration, "1s");
    }

    #[test]
    fn flags_alone_make_a_configuration() {
        let cli = Cli::try_parse_from([
            "linecard",
            "run",
            "--port",
            "loopback,name=a,addr=192.0.2.1/24",
            "-p",
            "null,name=b",
            "-f",
            "router",
            "--route",
            "0.0.0.0/0 port b",
            "--frames",
            "4096",
            "--idle",
            "spin",
        ])
        .unwrap();
        let Some(Command::Run(args)) = cli.command else {
            panic!("{cli:?}");
        };
        let config = Config::try_from(args.draft().unwrap()).unwrap();
        assert_eq!(config.pool.frames, 4096);
        assert!(
            matches!(config.forwarder, Forwarder::Router(router) if router.routes[0].port == 1)
        );
    }

    #[test]
    fn a_mistake_in_a_flag_names_the_flag() {
        let args = RunArgs {
            config: None,
            duration: None,
            ports: vec!["loopbak".into()],
            workers: None,
            listener_reports: None,
            eal: Vec::new(),
            forwarder: ForwarderArgs::default(),
            common: CommonArgs::default(),
        };
        assert_eq!(
            Config::try_from(args.draft().unwrap())
                .unwrap_err()
                .to_string(),
            "--port: unknown kind of port `loopbak`; did you mean `loopback`?"
        );
    }
}
