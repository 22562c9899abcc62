/* The least that a forwarder does that looks at its packets: a burst received, what an mbuf says of its
 * packet read and written back, a burst sent. Of each mbuf one cache line, and nothing of the packet. */

#include "peers.h"
#include "packets.h"

#include <string.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

/* As many mbufs, and as long a cache, as testpmd is told, or takes. */
#define MBUFS 16383
#define CACHE 250
#define PLACES 1024

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

/* A burst on its way, where what is sent is what is received. */
static int prime(uint16_t port)
{
	struct rte_mbuf *mbufs[BURST];
	int i;

	if (rte_pktmbuf_alloc_bulk(packets, mbufs, BURST) != 0)
		return complain("rte_pktmbuf_alloc_bulk: empty");
	for (i = 0; i < BURST; i++)
		mbufs[i]->pkt_len = mbufs[i]->data_len = 64;
	if (rte_eth_tx_burst(port, 0, mbufs, BURST) != BURST)
		return complain("a ring takes no burst");
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

static int forward(const struct pair *pair, uint64_t units)
{
	uint64_t done = 0, idle = 0;
	int from;

	while (done < units && idle < 1000000) {
		for (from = 0; from < 2; from++) {
			struct rte_mbuf *mbufs[BURST];
			uint16_t got = rte_eth_rx_burst(pair->ports[from], 0, mbufs, BURST), sent, i;

			idle = got == 0 ? idle + 1 : 0;
			for (i = 0; i < got; i++) {
				struct rte_mbuf *mbuf = mbufs[i];
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

static int run_nulls(uint64_t units) { return forward(&nulls, units); }

static int run_rings(uint64_t units) { return forward(&rings, units); }

const struct peer port_peers[] = {
	{"floor_net_null", prepare_nulls, run_nulls, NULL},
	{"floor_net_ring", prepare_rings, run_rings, NULL},
	{NULL, NULL, NULL, NULL},
};
