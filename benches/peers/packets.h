/* A pool of packets, the same for all that want one. */

#ifndef PACKETS_H
#define PACKETS_H

struct rte_mempool;

/* Packets of 2,048 bytes with the usual headroom; NULL after complain(). */
struct rte_mempool *packet_pool(const char *name, unsigned int count, unsigned int cache);

#endif
