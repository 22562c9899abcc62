/* The Internet checksum: rte_raw_cksum() of so many bytes, rte_ipv4_cksum() of a header. And what no sum can do without:
 * every byte loaded, and added to something. */

#include "packets.h"
#include "peers.h"

#include <rte_ip.h>

static struct bytes *packets;
static uint32_t count;

static int prepare(const char *file)
{
	count = read_packets(file, &packets);
	return count == 0 ? -1 : 0;
}

static uint16_t raw(const struct bytes *packet)
{
	return (uint16_t)~rte_raw_cksum(packet->bytes, packet->len);
}

static uint16_t ipv4(const struct bytes *packet)
{
	return rte_ipv4_cksum((const struct rte_ipv4_hdr *)packet->bytes);
}

/* No checksum: whole words, and what is carried out of them is lost. */
static uint16_t words(const struct bytes *packet)
{
	const unaligned_uint64_t *at = (const unaligned_uint64_t *)packet->bytes;
	uint64_t sum = 0;
	uint32_t word;

	for (word = 0; word < packet->len / sizeof(sum); word++)
		sum += at[word];
	return (uint16_t)sum;
}

static __rte_always_inline int run(uint64_t units, uint16_t (*checksum)(const struct bytes *))
{
	uint32_t sum = 0, at;
	uint64_t unit;

	for (unit = 0; unit < units; unit += count)
		for (at = 0; at < count; at++) {
			const struct bytes *packet = &packets[at];

			/* It may have changed since it was last summed. */
			KEEP(packet);
			sum += checksum(packet);
		}
	KEEP(sum);
	return 0;
}

static int answer(FILE *out, uint16_t (*checksum)(const struct bytes *))
{
	uint32_t at;

	for (at = 0; at < count; at++) {
		const uint16_t sum = checksum(&packets[at]);

		if (fwrite(&sum, sizeof(sum), 1, out) != 1)
			return complain("the answer cannot be written");
	}
	return 0;
}

static int run_raw(uint64_t units)
{
	return run(units, raw);
}

static int run_ipv4(uint64_t units)
{
	return run(units, ipv4);
}

static int run_words(uint64_t units)
{
	return run(units, words);
}

static int answer_raw(FILE *out)
{
	return answer(out, raw);
}

static int answer_ipv4(FILE *out)
{
	return answer(out, ipv4);
}

const struct peer checksum_peers[] = {
	{"raw_cksum", prepare, run_raw, answer_raw},
	{"ipv4_cksum", prepare, run_ipv4, answer_ipv4},
	{"add_words", prepare, run_words, NULL},
	{NULL, NULL, NULL, NULL},
};
