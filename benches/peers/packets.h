/* Pools of packets, and packets as the bench writes them. */

#ifndef PACKETS_H
#define PACKETS_H

#include <stddef.h>
#include <stdint.h>

struct rte_mempool;

/* Packets of 2,048 bytes with the usual headroom; NULL after complain(). */
struct rte_mempool *packet_pool(const char *name, unsigned int count, unsigned int cache);

/* As many packets as the bench's loops over packets go through in turn. */
#define PACKETS 64

/* A packet's bytes, on a line of their own. */
struct bytes {
	const uint8_t *bytes;
	uint32_t len;
};

/* Reads PACKETS packets, each behind its length in four bytes; gives 0, or -1 after complain(). */
int read_packets(const char *file, struct bytes packets[PACKETS]);

#endif
