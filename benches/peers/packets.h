/* Pools of packets, and packets as the bench writes them. */

#ifndef PACKETS_H
#define PACKETS_H

#include <stddef.h>
#include <stdint.h>

struct rte_mempool;

/* Packets of 2,048 bytes with the usual headroom; NULL after complain(). */
struct rte_mempool *packet_pool(const char *name, unsigned int count, unsigned int cache);

/* A packet's bytes, on a line of their own. */
struct bytes {
	const uint8_t *bytes;
	uint32_t len;
};

/* Reads packets, each behind its length in four bytes; gives how many, or 0 after complain(). The array is
 * never given back. */
uint32_t read_packets(const char *file, struct bytes **packets);

#endif
