/* A mempool whose objects are the frames of a Linecard pool, and the mbuf as src/mbuf.rs has it. */
#include <errno.h>

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_memory.h>
#include <rte_mempool.h>

#include "shim.h"

/* A release that lays the mbuf out in another way does not compile, instead of going wrong. */
#define AT(field, offset) \
	_Static_assert(offsetof(struct rte_mbuf, field) == (offset), "src/mbuf.rs: " #field)
AT(buf_addr, 0);
AT(data_off, 16);
AT(refcnt, 18);
AT(nb_segs, 20);
AT(port, 22);
AT(ol_flags, 24);
AT(packet_type, 32);
AT(pkt_len, 36);
AT(data_len, 40);
AT(vlan_tci, 42);
AT(hash.rss, 44);
AT(pool, 56);
AT(next, 64);
AT(tx_offload, 72);
_Static_assert(sizeof(struct rte_mbuf) == 128, "src/mbuf.rs: MBUF");
_Static_assert(sizeof(struct rte_mempool_objhdr) <= 64, "the line in front of an mbuf");
_Static_assert(RTE_PKTMBUF_HEADROOM == 128, "src/memory.rs: HEADROOM");
_Static_assert(RTE_MBUF_F_RX_VLAN_STRIPPED == 1ull << 6 && RTE_MBUF_F_RX_RSS_HASH == 1ull << 1 &&
		       RTE_MBUF_F_RX_IP_CKSUM_BAD == 1ull << 4 && RTE_MBUF_F_RX_IP_CKSUM_GOOD == 1ull << 7 &&
		       RTE_MBUF_F_RX_L4_CKSUM_BAD == 1ull << 3 && RTE_MBUF_F_RX_L4_CKSUM_GOOD == 1ull << 8,
	       "src/mbuf.rs: flags of received packets");
_Static_assert(RTE_MBUF_F_TX_VLAN == 1ull << 57 && RTE_MBUF_F_TX_TCP_CKSUM == 1ull << 52 &&
		       RTE_MBUF_F_TX_UDP_CKSUM == 3ull << 52 && RTE_MBUF_F_TX_IPV4 == 1ull << 55 &&
		       RTE_MBUF_F_TX_IPV6 == 1ull << 56 && RTE_MBUF_F_INDIRECT == 1ull << 62 &&
		       RTE_MBUF_F_EXTERNAL == 1ull << 61,
	       "src/mbuf.rs: flags of packets to be sent");

static int pool_alloc(struct rte_mempool *mp)
{
	const struct lc_dpdk_layout *layout = mp->pool_config;

	mp->pool_data = layout->owner;
	return 0;
}

static void pool_free(struct rte_mempool *mp) {}

static int pool_enqueue(struct rte_mempool *mp, void *const *objects, unsigned count)
{
	return lc_dpdk_give(mp->pool_data, objects, count);
}

static int pool_dequeue(struct rte_mempool *mp, void **objects, unsigned count)
{
	return lc_dpdk_take(mp->pool_data, objects, count);
}

static unsigned pool_count(const struct rte_mempool *mp) { return lc_dpdk_free(mp->pool_data); }

/* Bytes from a frame's start to its mbuf: one line for the object's header, and then its colour,
 * by the same rule as that of the pool's own colours (core/src/mempool/colours.rs). */
static inline uint32_t mbuf_offset(const struct lc_dpdk_layout *layout, uint32_t frame)
{
	return 64 + (((frame << 5) ^ frame) & ((layout->colours - 1) << 6));
}

/* Bytes from a frame's start to its buffer: behind the mbuf, and so that what is received begins
 * behind the private area. */
static inline uint32_t buffer_offset(const struct lc_dpdk_layout *layout, uint32_t frame)
{
	uint32_t behind = mbuf_offset(layout, frame) + sizeof(struct rte_mbuf);
	uint32_t least = layout->reserved - RTE_PKTMBUF_HEADROOM;

	return behind > least ? behind : least;
}

/* Moves an mbuf's buffer to where it belongs, and says that DPDK does not have it (src/frames.rs). */
static void place_buffer(struct rte_mempool *mp, void *arg, void *object, unsigned number)
{
	const struct lc_dpdk_layout *layout = arg;
	struct rte_mbuf *mbuf = object;
	uint32_t at = (uint32_t)((uint8_t *)object - layout->base) % layout->frame_size;
	uint32_t frame = (uint32_t)((size_t)((uint8_t *)object - layout->base) / layout->frame_size);
	uint32_t space = buffer_offset(layout, frame) - at - sizeof(struct rte_mbuf);

	rte_mbuf_iova_set(mbuf, rte_mbuf_iova_get(mbuf) + space);
	mbuf->buf_addr = (uint8_t *)mbuf->buf_addr + space;
	mbuf->priv_size = (uint16_t)space;
	mbuf->refcnt = 0;
}

/* The objects are the mbufs in the frames, wherever in them; all are free in the pool already. */
static int pool_populate(struct rte_mempool *mp, unsigned most, void *start, rte_iova_t iova, size_t len,
			 rte_mempool_populate_obj_cb_t *add, void *arg)
{
	const struct lc_dpdk_layout *layout = mp->pool_config;
	uint32_t frame;

	for (frame = 0; frame < layout->frames && frame < most; frame++) {
		uint8_t *mbuf = layout->base + (size_t)frame * layout->frame_size + mbuf_offset(layout, frame);
		/* Also where addresses are physical: a frame never crosses a page. */
		add(mp, arg, mbuf, rte_mem_virt2iova(mbuf));
	}
	return (int)frame;
}

static const struct rte_mempool_ops pool_ops = {
	.name = "linecard",
	.alloc = pool_alloc,
	.free = pool_free,
	.enqueue = pool_enqueue,
	.dequeue = pool_dequeue,
	.get_count = pool_count,
	.populate = pool_populate,
};

static int closing_enqueue(struct rte_mempool *mp, void *const *objects, unsigned count) { return 0; }

static int closing_dequeue(struct rte_mempool *mp, void **objects, unsigned count) { return -ENOENT; }

/* A mempool that is freed takes every object that it was populated with once more. These are the
 * frames of a pool that lives on: it gets none. */
static const struct rte_mempool_ops closing_ops = {
	.name = "linecard_closing",
	.alloc = pool_alloc,
	.free = pool_free,
	.enqueue = closing_enqueue,
	.dequeue = closing_dequeue,
	.get_count = pool_count,
};

static int closing;

/* To be called once, before the first pool; the drivers' own are registered by constructors. */
int lc_dpdk_register_ops(void)
{
	int index = rte_mempool_register_ops(&pool_ops);

	if (index < 0)
		return -index;
	closing = rte_mempool_register_ops(&closing_ops);
	return closing < 0 ? -closing : 0;
}

/* Makes memory known to DPDK and its devices: a page at a time, by whatever address they use. */
int lc_dpdk_register_memory(void *base, size_t len, size_t page, uint64_t *iovas)
{
	size_t pages = len / page, i;

	for (i = 0; i < pages; i++) {
		iovas[i] = rte_mem_virt2iova((uint8_t *)base + i * page);
		if (iovas[i] == RTE_BAD_IOVA)
			return EFAULT;
	}
	return rte_extmem_register(base, len, iovas, (unsigned)pages, page) == 0 ? 0 : rte_errno;
}

int lc_dpdk_unregister_memory(void *base, size_t len)
{
	return rte_extmem_unregister(base, len) == 0 ? 0 : rte_errno;
}

void lc_dpdk_free_pool(struct rte_mempool *mp)
{
	mp->ops_index = closing;
	rte_mempool_free(mp);
}

/* Mbufs that are fetched for a thread at a time, and half again as many that it keeps at most: of a
 * small pool, so that all threads together leave most of it to others. */
#define MOST_KEPT 256
#define PART_KEPT 16

/* The calling thread's cache, which it alone touches; NULL if it has none. */
static inline struct rte_mempool_cache *own_cache(struct rte_mempool *mp, struct lc_dpdk_kept *kept)
{
	kept->lcore = rte_lcore_id();
	return rte_mempool_default_cache(mp, kept->lcore);
}

/* Writes down what is in a cache; it may be NULL. */
static inline struct rte_mempool_cache *before(struct rte_mempool *mp, struct lc_dpdk_kept *kept)
{
	struct rte_mempool_cache *cache = own_cache(mp, kept);

	kept->len = cache == NULL ? 0 : cache->len;
	return cache;
}

/* And how many more that are than `before`. */
static inline void after(const struct rte_mempool_cache *cache, struct lc_dpdk_kept *kept)
{
	uint32_t len = cache == NULL ? 0 : cache->len;

	kept->more = (int32_t)(len - kept->len);
	kept->len = len;
}

void lc_dpdk_kept(struct rte_mempool *mp, struct lc_dpdk_kept *kept) { before(mp, kept); }

/* Empties a thread's cache: one's own, or one of a pool that no port is on. The objects are in the cache
 * itself, until the thread is inside DPDK again. */
unsigned lc_dpdk_drain(struct rte_mempool *mp, unsigned lcore, void ***objects)
{
	struct rte_mempool_cache *cache = rte_mempool_default_cache(mp, lcore);
	unsigned count;

	if (cache == NULL)
		return 0;
	count = cache->len;
	cache->len = 0;
	*objects = cache->objs;
	return count;
}

unsigned lc_dpdk_lcores(void) { return RTE_MAX_LCORE; }

/* The bursts say what they have changed of the thread's cache: it is counted by that, not mbuf by mbuf. */
uint16_t lc_dpdk_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t count,
			  struct rte_mempool *mp, struct lc_dpdk_kept *kept)
{
	struct rte_mempool_cache *cache = before(mp, kept);
	uint16_t got = rte_eth_rx_burst(port, queue, mbufs, count);

	after(cache, kept);
	return got;
}

uint16_t lc_dpdk_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t count,
			  struct rte_mempool *mp, struct lc_dpdk_kept *kept)
{
	struct rte_mempool_cache *cache = before(mp, kept);
	uint16_t sent = rte_eth_tx_burst(port, queue, mbufs, count);

	after(cache, kept);
	return sent;
}

/* Has a driver free what it has sent, if it can be asked to. */
uint16_t lc_dpdk_tx_done(uint16_t port, uint16_t queue, struct rte_mempool *mp, struct lc_dpdk_kept *kept)
{
	struct rte_mempool_cache *cache = before(mp, kept);

	(void)rte_eth_tx_done_cleanup(port, queue, 0);
	after(cache, kept);
	return 0;
}

/* NULL on failure, with the error number in `error`. */
struct rte_mempool *lc_dpdk_pool(const char *name, struct lc_dpdk_layout *layout, int *error)
{
	struct rte_pktmbuf_pool_private private = {0};
	unsigned room = layout->frame_size - layout->reserved;
	unsigned part = layout->frames / PART_KEPT;
	unsigned kept = part < MOST_KEPT ? part : MOST_KEPT;
	struct rte_mempool *mp;
	int rc;

	mp = rte_mempool_create_empty(name, layout->frames, sizeof(struct rte_mbuf) + room, kept, sizeof(private),
				      SOCKET_ID_ANY, 0);
	if (mp == NULL) {
		*error = rte_errno;
		return NULL;
	}
	rc = rte_mempool_set_ops_byname(mp, "linecard", layout);
	if (rc == 0) {
		private.mbuf_data_room_size = (uint16_t)room;
		rte_pktmbuf_pool_init(mp, &private);
		rc = rte_mempool_populate_iova(mp, (char *)layout->base, rte_mem_virt2iova(layout->base),
					       (size_t)layout->frames * layout->frame_size, NULL, NULL);
		rc = rc == (int)layout->frames ? 0 : rc < 0 ? rc : -EINVAL;
	}
	if (rc != 0) {
		rte_mempool_free(mp);
		*error = -rc;
		return NULL;
	}
	/* The layout is the caller's, and is not asked again. */
	mp->pool_config = NULL;
	rte_mempool_obj_iter(mp, rte_pktmbuf_init, NULL);
	rte_mempool_obj_iter(mp, place_buffer, layout);
	return mp;
}

/* Past the thread's caches: also an mbuf of another mempool, of whose cache nobody here keeps count. */
void lc_dpdk_free_mbuf(struct rte_mbuf *mbuf)
{
	while (mbuf != NULL) {
		struct rte_mbuf *next = mbuf->next;
		void *object = rte_pktmbuf_prefree_seg(mbuf);

		if (object != NULL)
			rte_mempool_ops_enqueue_bulk(mbuf->pool, &object, 1);
		mbuf = next;
	}
}

/* For measurements: as a driver receives, and as most free what they have sent. All or 0. A number that the
 * compiler knows, as in the loops of others that are measured beside. */
#define LC_DPDK_CHURN 32

uint16_t lc_dpdk_alloc_burst(struct rte_mempool *mp, struct rte_mbuf *mbufs[LC_DPDK_CHURN], struct lc_dpdk_kept *kept)
{
	struct rte_mempool_cache *cache = before(mp, kept);
	int rc = rte_pktmbuf_alloc_bulk(mp, mbufs, LC_DPDK_CHURN);

	after(cache, kept);
	return rc == 0 ? LC_DPDK_CHURN : 0;
}

uint16_t lc_dpdk_free_each(struct rte_mempool *mp, struct rte_mbuf *mbufs[LC_DPDK_CHURN], struct lc_dpdk_kept *kept)
{
	struct rte_mempool_cache *cache = before(mp, kept);
	unsigned i;

	for (i = 0; i < LC_DPDK_CHURN; i++)
		rte_pktmbuf_free(mbufs[i]);
	after(cache, kept);
	return LC_DPDK_CHURN;
}
