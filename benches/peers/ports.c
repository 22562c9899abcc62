/* The least that a forwarder does that looks at its packets: a burst received, what an mbuf says of its
 * packet read and written back, a burst sent. Of each mbuf one cache line, and nothing of the packet, unless
 * addresses are to change places. No frame is counted, and none checked. */

#include "peers.h"
#include "packets.h"

#include <string.h>

#include <netinet/in.h>

#include <rte_byteorder.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

/* As many mbufs, and as long a cache, as testpmd is told, or takes. */
#define MBUFS 16383
#define CACHE 250
#define PLACES 1024
#define PRIMED 2 /* bursts in each ring, as in src/dpdk_ports.rs and src/testpmd_ports.rs */

/* Two ports, what comes in by one of which goes out by the other. */
struct pair {
	const char *device;
	uint16_t ports[2];
	int ready;
};

static struct pair nulls = {.device = "net_null"};
static struct pair rings = {.device = "net_ring"};
static struct rte_mempool *packets;

static int start(struct pair *pair, int number)
{
	struct rte_eth_conf conf;
	char name[32];
	uint16_t port;
	int rc;

	snprintf(name, sizeof(name), "%s_peers%d", pair->device, number);
	rc = rte_dev_probe(name);
	if (rc == 0)
		rc = rte_eth_dev_get_port_by_name(name, &port);
	if (rc != 0)
		return complain("%s: %s", name, rte_strerror(-rc));
	memset(&conf, 0, sizeof(conf));
	rc = rte_eth_dev_configure(port, 1, 1, &conf);
	if (rc == 0)
		rc = rte_eth_rx_queue_setup(port, 0, PLACES, SOCKET_ID_ANY, NULL, packets);
	if (rc == 0)
		rc = rte_eth_tx_queue_setup(port, 0, PLACES, SOCKET_ID_ANY, NULL);
	if (rc == 0)
		rc = rte_eth_dev_start(port);
	if (rc != 0)
		return complain("%s is not set up: %s", name, rte_strerror(-rc));
	pair->ports[number] = port;
	return 0;
}

/* 64 bytes of UDP, for whoever looks. */
static void fill(struct rte_mbuf *mbuf)
{
	struct rte_ether_hdr *ethernet = rte_pktmbuf_mtod(mbuf, struct rte_ether_hdr *);
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(ethernet + 1);

	mbuf->pkt_len = mbuf->data_len = 64;
	memset(ethernet, 0, 64);
	ethernet->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->next_proto_id = IPPROTO_UDP;
}

/* Bursts on their way, where what is sent is what is received. */
static int prime(uint16_t port)
{
	struct rte_mbuf *mbufs[BURST];
	int burst, i;

	for (burst = 0; burst < PRIMED; burst++) {
		if (rte_pktmbuf_alloc_bulk(packets, mbufs, BURST) != 0)
			return complain("rte_pktmbuf_alloc_bulk: empty");
		for (i = 0; i < BURST; i++)
			fill(mbufs[i]);
		if (rte_eth_tx_burst(port, 0, mbufs, BURST) != BURST)
			return complain("a ring takes no burst");
	}
	return 0;
}

static int prepare(struct pair *pair, bool primed)
{
	int number;

	if (pair->ready)
		return 0;
	if (packets == NULL)
		packets = packet_pool("peers_ports", MBUFS, CACHE);
	if (packets == NULL)
		return -1;
	for (number = 0; number < 2; number++)
		if (start(pair, number) != 0 || (primed && prime(pair->ports[number]) != 0))
			return -1;
	pair->ready = 1;
	return 0;
}

/* What is done with a packet. */
enum work { LOOK, SWAP_MACS, SWAP_ALL };

static inline void look(struct rte_mbuf *mbuf)
{
	uint64_t counts = *(const uint64_t *)&mbuf->rearm_data;
	uint64_t flags = mbuf->ol_flags;
	uint32_t packet = mbuf->pkt_len;
	uint16_t data = mbuf->data_len;

	/* As if somebody else had had it meanwhile. */
	__asm__ volatile("" : "+r"(counts), "+r"(flags), "+r"(packet), "+r"(data));
	*(uint64_t *)&mbuf->rearm_data = counts;
	mbuf->ol_flags = flags;
	mbuf->pkt_len = packet;
	mbuf->data_len = data;
}

/* In two words, as src/forward/mac_swap.rs of the core does. */
static inline void swap_macs(uint8_t *ethernet)
{
	uint64_t low, first;
	uint32_t high, last;

	memcpy(&low, ethernet, 8);
	memcpy(&high, ethernet + 8, 4);
	first = low >> 48 | (uint64_t)high << 16 | low << 48;
	last = (uint32_t)(low >> 16);
	memcpy(ethernet, &first, 8);
	memcpy(ethernet + 8, &last, 4);
}

/* As testpmd's 5tswap; the sums stay right. */
static inline void swap_all(uint8_t *data)
{
	const struct rte_ether_hdr *ethernet = (const struct rte_ether_hdr *)data;
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(data + sizeof(*ethernet));
	struct rte_udp_hdr *udp;
	rte_be32_t address;
	rte_be16_t port;

	swap_macs(data);
	if (ethernet->ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4))
		return;
	address = ip->src_addr;
	ip->src_addr = ip->dst_addr;
	ip->dst_addr = address;
	if (ip->next_proto_id != IPPROTO_UDP)
		return;
	udp = (struct rte_udp_hdr *)((uint8_t *)ip + rte_ipv4_hdr_len(ip));
	port = udp->src_port;
	udp->src_port = udp->dst_port;
	udp->dst_port = port;
}

static inline __attribute__((always_inline)) int forward(const struct pair *pair, enum work work, uint64_t units)
{
	uint64_t done = 0, idle = 0;
	int from;

	while (done < units && idle < 1000000) {
		for (from = 0; from < 2; from++) {
			struct rte_mbuf *mbufs[BURST];
			uint16_t got = rte_eth_rx_burst(pair->ports[from], 0, mbufs, BURST), sent, i;

			idle = got == 0 ? idle + 1 : 0;
			for (i = 0; i < got; i++) {
				look(mbufs[i]);
				if (work == SWAP_MACS)
					swap_macs(rte_pktmbuf_mtod(mbufs[i], uint8_t *));
				if (work == SWAP_ALL)
					swap_all(rte_pktmbuf_mtod(mbufs[i], uint8_t *));
			}
			sent = rte_eth_tx_burst(pair->ports[1 - from], 0, mbufs, got);
			if (sent < got)
				rte_pktmbuf_free_bulk(mbufs + sent, got - sent);
			done += got;
		}
	}
	return done < units ? complain("%s gives nothing any more", pair->device) : 0;
}

static int prepare_nulls(const char *file)
{
	(void)file;
	return prepare(&nulls, false);
}

static int prepare_rings(const char *file)
{
	(void)file;
	return prepare(&rings, true);
}

static int look_nulls(uint64_t units) { return forward(&nulls, LOOK, units); }

static int look_rings(uint64_t units) { return forward(&rings, LOOK, units); }

static int macs_nulls(uint64_t units) { return forward(&nulls, SWAP_MACS, units); }

static int macs_rings(uint64_t units) { return forward(&rings, SWAP_MACS, units); }

static int all_nulls(uint64_t units) { return forward(&nulls, SWAP_ALL, units); }

static int all_rings(uint64_t units) { return forward(&rings, SWAP_ALL, units); }

const struct peer port_peers[] = {
	{"floor_io_net_null", prepare_nulls, look_nulls, NULL},
	{"floor_io_net_ring", prepare_rings, look_rings, NULL},
	{"floor_macswap_net_null", prepare_nulls, macs_nulls, NULL},
	{"floor_macswap_net_ring", prepare_rings, macs_rings, NULL},
	{"floor_5tswap_net_null", prepare_nulls, all_nulls, NULL},
	{"floor_5tswap_net_ring", prepare_rings, all_rings, NULL},
	{NULL, NULL, NULL, NULL},
};
