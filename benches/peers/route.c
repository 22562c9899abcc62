/* A router's loop over mbufs in hand: the same packets, routes and checks as Linecard's router has.
 *
 * strict: RFC 1812's checks of the header with its checksum, TTL and martians. light: what DPDK's
 * example l3fwd looks at, and no more. Each with rte_lpm or rte_fib, with and without a prefetch of what comes. That
 * a frame is for this router's own address is the card's business here. */

#include "belt.h"
#include "head.h"
#include "rings.h"
#include "tables.h"

#include <rte_fib.h>
#include <rte_lpm.h>

/* The bench's input: this, the routes, the hops, SEATS frames. */
struct input {
	uint32_t routes;
	uint32_t hops;
};

enum checks { STRICT, LIGHT };
enum table { LPM, FIB };

static struct rte_lpm *lpm;
static struct rte_fib *fib;
static const struct hop *hops;

static inline bool is_good(const struct head *head, uint32_t len, enum checks checks)
{
	if (!is_whole(head, len))
		return false;
	if (checks == LIGHT)
		return true;
	if (unlikely((uint8_t)head->ttl_checksum <= 1))
		return false;
	if (unlikely(!has_good_checksum(head)))
		return false;
	return likely(is_unicast(head->source) && is_unicast(head->destination));
}

/* One burst; gives how many of it are not to be forwarded, which is none in the bench. In passes, so that
 * the misses of 32 packets overlap. */
static __rte_always_inline uint32_t route(struct rte_mbuf **burst, uint32_t *ports,
					  enum checks checks, enum table table)
{
	struct head *heads[BURST];
	uint32_t addresses[BURST], at, bad = 0;

	for (at = 0; at < BURST; at++) {
		heads[at] = rte_pktmbuf_mtod(burst[at], struct head *);
		bad += !is_good(heads[at], burst[at]->data_len, checks);
		addresses[at] = rte_be_to_cpu_32(heads[at]->destination);
	}
	/* A packet without a route goes by the last hop, as one that is not to be forwarded would in
	 * a slow path: the bench has none. */
	if (table == LPM) {
		uint32_t answers[BURST];

		rte_lpm_lookup_bulk(lpm, addresses, answers, BURST);
		for (at = 0; at < BURST; at++) {
			const struct hop *hop = &hops[answers[at] & 0xff];

			bad += !(answers[at] & RTE_LPM_LOOKUP_SUCCESS);
			forward(heads[at], hop);
			ports[at] = hop->port;
		}
	} else {
		uint64_t answers[BURST];

		rte_fib_lookup_bulk(fib, addresses, answers, BURST);
		for (at = 0; at < BURST; at++) {
			const struct hop *hop = &hops[answers[at] & 0xff];

			bad += answers[at] == NO_HOP;
			forward(heads[at], hop);
			ports[at] = hop->port;
		}
	}
	return bad;
}

static __rte_always_inline int run(uint64_t units, enum order order, enum checks checks,
				   enum table table, bool prefetch)
{
	uint32_t ports[BURST], bad = 0;
	uint64_t unit;

	for (unit = 0; unit < units; unit += BURST) {
		struct rte_mbuf **burst = belt_burst(&belts[order]);

		if (prefetch)
			belt_prefetch(burst);
		bad += route(burst, ports, checks, table);
		KEEP(ports);
	}
	return bad == 0 ? 0 : complain("%u packets were not forwarded", bad);
}

/* From ring to ring. Two bursts are received ahead: the headers of the one are asked for when its mbufs,
 * asked for a burst before, are there. */
static __rte_always_inline int run_rings(uint64_t units, enum order order, enum checks checks,
					 enum table table)
{
	const uint64_t bursts = (units + BURST - 1) / BURST;
	struct rte_mbuf *packets[3][BURST];
	struct outbox boxes[PORTS] = {0};
	uint32_t ports[BURST], bad = 0, at;
	uint64_t burst;

	receive(order, packets[0]);
	if (bursts > 1)
		receive(order, packets[1]);
	for (burst = 0; burst < bursts; burst++) {
		if (burst + 2 < bursts)
			receive(order, packets[(burst + 2) % 3]);
		if (burst + 1 < bursts)
			for (at = 0; at < BURST; at++)
				rte_prefetch0(rte_pktmbuf_mtod(packets[(burst + 1) % 3][at], void *));
		bad += route(packets[burst % 3], ports, checks, table);
		send(order, boxes, packets[burst % 3], ports);
	}
	return bad == 0 ? 0 : complain("%u packets were not forwarded", bad);
}

static int prepare(const char *file)
{
	const struct input *input;
	const struct route4 *routes;
	size_t len;

	if (hops != NULL)
		return 0;
	input = read_file(file, &len);
	if (input == NULL)
		return -1;
	if (len != sizeof(*input) + input->routes * sizeof(*routes) + 256 * sizeof(*hops) +
			   SEATS * sizeof(struct frame))
		return complain("the input is not as long as it says");
	routes = (const struct route4 *)(input + 1);
	lpm = make_lpm(routes, input->routes);
	fib = make_fib(routes, input->routes);
	hops = (const struct hop *)(routes + input->routes);
	if (lpm == NULL || fib == NULL)
		return -1;
	if (belt_load((const struct frame *)(hops + 256)) != 0)
		return -1;
	return rings_load();
}

/* Every packet one hop further. */
static int answer(FILE *out, int (*run)(uint64_t))
{
	belts[IN_ORDER].next = 0;
	belts[SHUFFLED].next = 0;
	belt_refresh();
	if (run(SEATS) != 0)
		return -1;
	return belt_write(out);
}

#define PEER(name, order, checks, table, prefetch)                                             \
	static int name(uint64_t units)                                                        \
	{                                                                                      \
		return run(units, order, checks, table, prefetch);                             \
	}                                                                                      \
	static int name##_answer(FILE *out)                                                    \
	{                                                                                      \
		return answer(out, name);                                                      \
	}

PEER(strict_lpm, IN_ORDER, STRICT, LPM, false)
PEER(strict_lpm_prefetch, IN_ORDER, STRICT, LPM, true)
PEER(strict_fib, IN_ORDER, STRICT, FIB, false)
PEER(strict_fib_prefetch, IN_ORDER, STRICT, FIB, true)
PEER(light_lpm, IN_ORDER, LIGHT, LPM, false)
PEER(light_lpm_prefetch, IN_ORDER, LIGHT, LPM, true)
PEER(strict_lpm_shuffled, SHUFFLED, STRICT, LPM, false)
PEER(strict_lpm_prefetch_shuffled, SHUFFLED, STRICT, LPM, true)
PEER(strict_fib_shuffled, SHUFFLED, STRICT, FIB, false)
PEER(strict_fib_prefetch_shuffled, SHUFFLED, STRICT, FIB, true)
PEER(light_lpm_shuffled, SHUFFLED, LIGHT, LPM, false)
PEER(light_lpm_prefetch_shuffled, SHUFFLED, LIGHT, LPM, true)

#define RINGS_PEER(name, order, checks, table)                                                 \
	static int name(uint64_t units)                                                        \
	{                                                                                      \
		return run_rings(units, order, checks, table);                                 \
	}                                                                                      \
	static int name##_answer(FILE *out)                                                    \
	{                                                                                      \
		return answer(out, name);                                                      \
	}

RINGS_PEER(strict_fib_rings, IN_ORDER, STRICT, FIB)
RINGS_PEER(light_lpm_rings, IN_ORDER, LIGHT, LPM)
RINGS_PEER(strict_fib_rings_shuffled, SHUFFLED, STRICT, FIB)
RINGS_PEER(light_lpm_rings_shuffled, SHUFFLED, LIGHT, LPM)

#define ROW(name) {"route_" #name, prepare, name, name##_answer}

const struct peer route_peers[] = {
	ROW(strict_lpm),
	ROW(strict_lpm_prefetch),
	ROW(strict_fib),
	ROW(strict_fib_prefetch),
	ROW(light_lpm),
	ROW(light_lpm_prefetch),
	ROW(strict_lpm_shuffled),
	ROW(strict_lpm_prefetch_shuffled),
	ROW(strict_fib_shuffled),
	ROW(strict_fib_prefetch_shuffled),
	ROW(light_lpm_shuffled),
	ROW(light_lpm_prefetch_shuffled),
	ROW(strict_fib_rings),
	ROW(light_lpm_rings),
	ROW(strict_fib_rings_shuffled),
	ROW(light_lpm_rings_shuffled),
	{NULL, NULL, NULL, NULL},
};
