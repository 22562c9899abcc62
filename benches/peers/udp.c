/* A UDP forwarder's loop over mbufs in hand: as Linecard's, it takes what is whole UDP over IPv4, finds the first
 * rule for its port, and rewrites addresses and ports; checksums are updated (RFC 1624). */

#include "belt.h"
#include "head.h"

/* The bench's input: two rules, SEATS frames. All in the order of the network. */
struct rule {
	struct hop hop;
	rte_be32_t source;
	rte_be32_t destination;
	/* Matched, and what it becomes. */
	rte_be16_t port;
	rte_be16_t new_port;
	uint32_t reserved;
};

#define RULES 2

struct packet {
	struct head head;
	rte_be16_t source_port;
	rte_be16_t destination_port;
	rte_be16_t len;
	uint16_t checksum;
} __rte_packed;

static const struct rule *rules;

static inline bool is_whole_udp(const struct packet *packet, uint32_t len)
{
	const struct head *head = &packet->head;
	const uint32_t udp_len = rte_be_to_cpu_16(packet->len);

	if (!is_whole(head, len) || unlikely(!has_good_checksum(head)))
		return false;
	/* The protocol, behind the TTL; more fragments, or an offset. */
	if (unlikely((uint8_t)(head->ttl_checksum >> 8) != 17 ||
		     (head->fragment & RTE_BE16(0x3fff)) != 0))
		return false;
	return likely(udp_len >= 8 && udp_len + 20 <= rte_be_to_cpu_16(head->total_len));
}

static inline uint32_t fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint32_t)((sum & 0xffff) + (sum >> 16));
}

/* RFC 1624 equation 3. */
static inline uint16_t updated(uint16_t checksum, uint64_t change)
{
	return (uint16_t)~fold((uint16_t)~checksum + change);
}

static inline void rewrite(struct packet *packet, const struct rule *rule)
{
	struct head *head = &packet->head;
	uint64_t change = (uint64_t)(uint32_t)~head->source + (uint32_t)~head->destination +
			  rule->source + rule->destination;
	uint32_t word = head->ttl_checksum;

	head->macs = rule->hop.macs;
	head->macs_rest = rule->hop.macs_rest;
	word = (word & 0xffff) | (uint32_t)updated((uint16_t)(word >> 16), change) << 16;
	head->ttl_checksum = word;
	head->source = rule->source;
	head->destination = rule->destination;
	if (packet->checksum != 0) {
		uint16_t checksum;

		change += (uint16_t)~packet->destination_port + (uint64_t)rule->new_port;
		checksum = updated(packet->checksum, change);
		/* Zero would say that there is none (RFC 768). */
		packet->checksum = checksum == 0 ? 0xffff : checksum;
	}
	packet->destination_port = rule->new_port;
}

static __rte_always_inline int run(uint64_t units, enum order order, bool prefetch)
{
	uint32_t ports[BURST], bad = 0, at;
	uint64_t unit;

	for (unit = 0; unit < units; unit += BURST) {
		struct rte_mbuf **burst = belt_burst(&belts[order]);

		if (prefetch)
			belt_prefetch(burst);
		for (at = 0; at < BURST; at++) {
			struct packet *packet = rte_pktmbuf_mtod(burst[at], struct packet *);
			const struct rule *rule = rules, *end = rules + RULES;

			if (!is_whole_udp(packet, burst[at]->data_len)) {
				bad++;
				continue;
			}
			while (rule < end && rule->port != packet->destination_port)
				rule++;
			if (unlikely(rule == end)) {
				bad++;
				continue;
			}
			rewrite(packet, rule);
			ports[at] = rule->hop.port;
		}
		KEEP(&ports);
	}
	return bad == 0 ? 0 : complain("%u packets were not forwarded", bad);
}

static int prepare(const char *file)
{
	const struct rule *input;
	size_t len;

	if (rules != NULL)
		return 0;
	input = read_file(file, &len);
	if (input == NULL)
		return -1;
	if (len != RULES * sizeof(*input) + SEATS * sizeof(struct frame))
		return complain("the input is not two rules and all frames");
	rules = input;
	return belt_load((const struct frame *)(input + RULES));
}

/* Every packet once. */
static int answer(FILE *out, int (*run)(uint64_t))
{
	belts[IN_ORDER].next = 0;
	belts[SHUFFLED].next = 0;
	belt_refresh();
	if (run(SEATS) != 0)
		return -1;
	return belt_write(out);
}

#define PEER(name, order, prefetch)                                                            \
	static int name(uint64_t units)                                                        \
	{                                                                                      \
		return run(units, order, prefetch);                                            \
	}                                                                                      \
	static int name##_answer(FILE *out)                                                    \
	{                                                                                      \
		return answer(out, name);                                                      \
	}

PEER(udp, IN_ORDER, false)
PEER(udp_prefetch, IN_ORDER, true)
PEER(udp_shuffled, SHUFFLED, false)
PEER(udp_prefetch_shuffled, SHUFFLED, true)

#define ROW(name) {#name, prepare, name, name##_answer}

const struct peer udp_peers[] = {
	ROW(udp),
	ROW(udp_prefetch),
	ROW(udp_shuffled),
	ROW(udp_prefetch_shuffled),
	{NULL, NULL, NULL, NULL},
};
