/* What the driver asks of DPDK, in structures of its own: DPDK's change from release to release,
 * these do not. src/ffi.rs says the same in Rust, and each side asserts the sizes. */
#ifndef LINECARD_DPDK_SHIM_H
#define LINECARD_DPDK_SHIM_H

#include <stddef.h>
#include <stdint.h>

struct rte_mbuf;
struct rte_mempool;
struct rte_ring;

/* How the frames of a pool lie, and where their mbufs. */
struct lc_dpdk_layout {
	void *owner;         /* what the callbacks are given */
	uint8_t *base;       /* of the first frame */
	uint32_t frames;
	uint32_t frame_size;
	uint32_t reserved;   /* bytes of each frame that are the mbuf's */
	uint32_t colours;    /* over how many lines the mbufs are spread */
};
_Static_assert(sizeof(struct lc_dpdk_layout) == 32, "src/ffi.rs: Layout");

/* What a port can do. */
struct lc_dpdk_info {
	uint64_t rx_offloads;
	uint64_t tx_offloads;
	uint64_t rss;
	uint32_t max_packet;
	uint16_t max_mtu;
	uint16_t min_mtu;
	uint16_t max_rx_queues;
	uint16_t max_tx_queues;
	uint16_t max_rx_ring;
	uint16_t max_tx_ring;
	char driver[32];
	uint16_t table_size; /* entries of the redirection table */
	uint16_t key_size;   /* bytes of the hash's key; zero if it does not say */
	uint32_t functions;  /* a bit for each hash function that can be chosen */
};
_Static_assert(sizeof(struct lc_dpdk_info) == 80, "src/ffi.rs: Info");

#define LC_DPDK_KEY 64     /* bytes of a hash's key at most */
#define LC_DPDK_TABLE 4096 /* entries of a redirection table at most */

/* How a port is set up; what was taken is written back. */
struct lc_dpdk_setup {
	uint64_t rx_offloads;
	uint64_t tx_offloads;
	uint64_t rss;
	uint16_t queues;
	uint16_t rx_ring;
	uint16_t tx_ring;
	uint16_t mtu;
	uint32_t promiscuous;
	uint32_t function;   /* of the hash; zero: the device's */
	uint32_t key_len;    /* zero: the device's */
	uint32_t pad;
	uint8_t key[LC_DPDK_KEY];
};
_Static_assert(sizeof(struct lc_dpdk_setup) == 112, "src/ffi.rs: Setup");

struct lc_dpdk_stats {
	uint64_t missed, rx_errors, tx_errors, no_mbuf;
};

struct rte_eth_rss_conf;
struct rte_eth_dev_info;

/* src/shim/rss.c */
uint32_t lc_dpdk_functions(const struct rte_eth_dev_info *info);
void lc_dpdk_rss_conf(struct rte_eth_rss_conf *conf, struct lc_dpdk_setup *setup);

/* What a device is to have found out about a packet, for tests. */
struct lc_dpdk_found {
	uint32_t l3;         /* 0: nothing, 1: its checksum is right, 2: it is wrong */
	uint32_t l4;         /* the same, and 3: it is not finished */
	uint32_t hashed;
	uint32_t hash;
	uint32_t stripped;   /* whether a VLAN tag was taken off, which was: */
	uint32_t vlan_tci;
};
_Static_assert(sizeof(struct lc_dpdk_found) == 24, "src/found.rs: Found");

/* A thread's cache of a mempool: whose, what is there, and how many more that are than before. */
struct lc_dpdk_kept {
	uint32_t lcore;
	uint32_t len;
	int32_t more;
};
_Static_assert(sizeof(struct lc_dpdk_kept) == 12, "src/ffi.rs: Kept");

/* Implemented in Rust (src/memory.rs). */
int lc_dpdk_take(void *owner, void **objects, unsigned count);
int lc_dpdk_give(void *owner, void *const *objects, unsigned count);
unsigned lc_dpdk_free(void *owner);

#endif
