/* An Ethernet and an IPv4 header without options, in the words in which they are read and written,
 * and what a forwarder has to look at in them. */

#ifndef HEAD_H
#define HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_common.h>

struct head {
	/* The destination, and the first two bytes of the source. */
	uint64_t macs;
	uint32_t macs_rest;
	/* Ethertype, version and header length, DSCP and ECN. */
	uint32_t kind;
	rte_be16_t total_len;
	uint16_t ident;
	uint16_t fragment;
	/* TTL, protocol, checksum. */
	uint32_t ttl_checksum;
	rte_be32_t source;
	rte_be32_t destination;
} __rte_packed;

/* Ethertype 0x0800 and 0x45, as they lie in memory, and which bits those are. */
#define KIND 0x00450008u
#define KIND_MASK 0x00ffffffu

/* Where a packet goes: the Ethernet addresses that it gets, and the port. */
struct hop {
	uint64_t macs;
	uint32_t macs_rest;
	uint32_t port;
};

/* RFC 1071, over the header's ten words two at a time: right if the sum is 0xffff. */
static inline bool has_good_checksum(const struct head *head)
{
	const unaligned_uint32_t *words =
		(const unaligned_uint32_t *)((const uint8_t *)head + 14);
	uint64_t sum = (uint64_t)words[0] + words[1] + words[2] + words[3] + words[4];
	uint32_t half = (uint32_t)sum + (uint32_t)(sum >> 32);

	half += half < (uint32_t)sum;
	/* The upper half of this is the sum of both halves, with the carry put back. */
	half += half << 16 | half >> 16;
	return half >> 16 == 0xffff;
}

/* Neither this network, nor loopback, nor multicast and above (RFC 1812 section 5.3.7). Two comparisons in place of
 * three: 0 becomes the largest. */
static inline bool is_unicast(rte_be32_t address)
{
	const uint8_t first = (uint8_t)address;

	return (uint8_t)(first - 1) < 223 && first != 127;
}

/* RFC 1812 section 5.2.2: version, header length and total length; the checksum is not looked at. */
static inline bool is_whole(const struct head *head, uint32_t len)
{
	const uint32_t total = rte_be_to_cpu_16(head->total_len);

	if (unlikely(len < sizeof(*head)))
		return false;
	if (unlikely((head->kind & KIND_MASK) != KIND))
		return false;
	return likely(total >= 20 && total + 14 <= len);
}

/* One hop further. RFC 1624: a TTL one less is a checksum one more in its first byte, with the
 * carry; a sum of 0xffff is written as 0. */
static inline void forward(struct head *head, const struct hop *hop)
{
	const uint32_t word = head->ttl_checksum;

	head->macs = hop->macs;
	head->macs_rest = hop->macs_rest;
	head->ttl_checksum = word + (word >= 0xfffe0000u ? 0x1ffffu : 0xffffu);
}

#endif
