/* rte_ring between two threads, each on a processor of its own: the one that is timed takes, the other gives.
 * Items of 8 and of 32 bytes, one by one and up to 32 at a time; one there and back. */

#define _GNU_SOURCE
#include "peers.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_pause.h>
#include <rte_ring.h>

/* As many slots as the other rings of the bench. */
#define SLOTS 1024

struct item {
	uint64_t words[4];
};

/* What the other thread does in this turn, where, and how much of it. */
static struct {
	void (*give)(uint64_t units);
	uint64_t units;
	int cpu;
	int failed;
	/* Turns that it has begun. */
	uint64_t begun;
	sem_t go, done;
} other;

/* Sleeps between turns. */
static void *give(void *unused)
{
	int here = -1;

	(void)unused;
	for (;;) {
		while (sem_wait(&other.go) != 0)
			;
		if (other.cpu != here) {
			cpu_set_t set;

			CPU_ZERO(&set);
			CPU_SET(other.cpu, &set);
			other.failed = sched_setaffinity(0, sizeof(set), &set);
			here = other.cpu;
		}
		__atomic_fetch_add(&other.begun, 1, __ATOMIC_RELEASE);
		other.give(other.units);
		sem_post(&other.done);
	}
	return NULL;
}

static int start_other(void)
{
	static bool started;
	pthread_t thread;

	if (started)
		return 0;
	if (CPU_COUNT(&allowed_cpus) < 2)
		return complain("two threads need two processors");
	if (sem_init(&other.go, 0, 0) != 0 || sem_init(&other.done, 0, 0) != 0 ||
	    pthread_create(&thread, NULL, give, NULL) != 0)
		return complain("there is no second thread");
	started = true;
	return 0;
}

/* Both at the same time. */
static int together(void (*take)(uint64_t), void (*give_it)(uint64_t), uint64_t units)
{
	static uint64_t turns;
	const int here = sched_getcpu();

	for (other.cpu = 0; other.cpu == here || !CPU_ISSET(other.cpu, &allowed_cpus);)
		other.cpu++;
	other.give = give_it;
	other.units = units;
	sem_post(&other.go);
	turns++;
	while (__atomic_load_n(&other.begun, __ATOMIC_ACQUIRE) < turns)
		rte_pause();
	take(units);
	while (sem_wait(&other.done) != 0)
		;
	return other.failed == 0 ? 0 : complain("CPU %d is not to be had", other.cpu);
}

static int prepare(struct rte_ring **ring, const char *name, unsigned int size, unsigned int flags)
{
	if (*ring == NULL)
		*ring = rte_ring_create_elem(name, size, SLOTS, SOCKET_ID_ANY, flags);
	if (*ring == NULL)
		return complain("rte_ring_create_elem: %s", rte_strerror(rte_errno));
	return start_other();
}

/* The functions that name the way: the general ones would look it up in each call. */
#define WAY(way, type, flags, enqueue, dequeue)                                                \
	static struct rte_ring *way##_ring;                                                    \
                                                                                               \
	static int way##_prepare(const char *file)                                             \
	{                                                                                      \
		(void)file;                                                                    \
		return prepare(&way##_ring, "peers_threads_" #way, sizeof(type), flags);       \
	}                                                                                      \
                                                                                               \
	static void way##_put(uint64_t units)                                                  \
	{                                                                                      \
		type item = {0};                                                               \
                                                                                               \
		for (; units > 0; units--) {                                                   \
			KEEP(&item);                                                           \
			while (enqueue(way##_ring, &item, sizeof(item), 1, NULL) == 0)         \
				rte_pause();                                                   \
		}                                                                              \
	}                                                                                      \
                                                                                               \
	static void way##_take(uint64_t units)                                                 \
	{                                                                                      \
		type item;                                                                     \
                                                                                               \
		for (; units > 0; units--) {                                                   \
			while (dequeue(way##_ring, &item, sizeof(item), 1, NULL) == 0)         \
				rte_pause();                                                   \
			KEEP(&item);                                                           \
		}                                                                              \
	}                                                                                      \
                                                                                               \
	static void way##_put_burst(uint64_t units)                                            \
	{                                                                                      \
		type items[BURST];                                                             \
                                                                                               \
		memset(items, 0, sizeof(items));                                               \
		while (units > 0) {                                                            \
			const unsigned int want = units < BURST ? units : BURST;               \
			unsigned int put;                                                      \
                                                                                               \
			KEEP(&items);                                                          \
			put = enqueue(way##_ring, items, sizeof(*items), want, NULL);          \
			if (put == 0)                                                          \
				rte_pause();                                                   \
			units -= put;                                                          \
		}                                                                              \
	}                                                                                      \
                                                                                               \
	static void way##_take_burst(uint64_t units)                                           \
	{                                                                                      \
		type items[BURST];                                                             \
                                                                                               \
		while (units > 0) {                                                            \
			const unsigned int got =                                               \
				dequeue(way##_ring, items, sizeof(*items), BURST, NULL);       \
                                                                                               \
			KEEP(&items);                                                          \
			if (got == 0)                                                          \
				rte_pause();                                                   \
			units -= got;                                                          \
		}                                                                              \
	}                                                                                      \
                                                                                               \
	static int way##_single(uint64_t units)                                                \
	{                                                                                      \
		return together(way##_take, way##_put, units);                                 \
	}                                                                                      \
                                                                                               \
	static int way##_burst(uint64_t units)                                                 \
	{                                                                                      \
		return together(way##_take_burst, way##_put_burst, units);                     \
	}

#define SPSC RING_F_SP_ENQ | RING_F_SC_DEQ
#define HTS RING_F_MP_HTS_ENQ | RING_F_MC_HTS_DEQ
#define RTS RING_F_MP_RTS_ENQ | RING_F_MC_RTS_DEQ

WAY(spsc, uint64_t, SPSC, rte_ring_sp_enqueue_burst_elem, rte_ring_sc_dequeue_burst_elem)
WAY(spsc_32, struct item, SPSC, rte_ring_sp_enqueue_burst_elem, rte_ring_sc_dequeue_burst_elem)
WAY(mpmc, uint64_t, 0, rte_ring_mp_enqueue_burst_elem, rte_ring_mc_dequeue_burst_elem)
WAY(hts, uint64_t, HTS, rte_ring_mp_hts_enqueue_burst_elem, rte_ring_mc_hts_dequeue_burst_elem)
WAY(rts, uint64_t, RTS, rte_ring_mp_rts_enqueue_burst_elem, rte_ring_mc_rts_dequeue_burst_elem)

/* The way back, of what goes there by `spsc_ring`. */
static struct rte_ring *back;

static int prepare_trip(const char *file)
{
	if (spsc_prepare(file) != 0)
		return -1;
	return prepare(&back, "peers_threads_back", sizeof(uint64_t), SPSC);
}

static void move(struct rte_ring *ring, uint64_t item)
{
	while (rte_ring_sp_enqueue_burst_elem(ring, &item, sizeof(item), 1, NULL) == 0)
		rte_pause();
}

static uint64_t await(struct rte_ring *ring)
{
	uint64_t item;

	while (rte_ring_sc_dequeue_burst_elem(ring, &item, sizeof(item), 1, NULL) == 0)
		rte_pause();
	return item;
}

static void answer(uint64_t units)
{
	for (; units > 0; units--)
		move(back, await(spsc_ring));
}

static uint64_t lost;

static void ask(uint64_t units)
{
	for (; units > 0; units--) {
		move(spsc_ring, units);
		lost += await(back) != units;
	}
}

static int trip(uint64_t units)
{
	if (together(ask, answer, units) != 0)
		return -1;
	return lost == 0 ? 0 : complain("another item came back");
}

const struct peer ring_threads_peers[] = {
	{"threads_spsc_single", spsc_prepare, spsc_single, NULL},
	{"threads_spsc_bulk", spsc_prepare, spsc_burst, NULL},
	{"threads_spsc_32_single", spsc_32_prepare, spsc_32_single, NULL},
	{"threads_spsc_32_bulk", spsc_32_prepare, spsc_32_burst, NULL},
	{"threads_spsc_trip", prepare_trip, trip, NULL},
	{"threads_mpmc_single", mpmc_prepare, mpmc_single, NULL},
	{"threads_mpmc_bulk", mpmc_prepare, mpmc_burst, NULL},
	{"threads_hts_single", hts_prepare, hts_single, NULL},
	{"threads_hts_bulk", hts_prepare, hts_burst, NULL},
	{"threads_rts_single", rts_prepare, rts_single, NULL},
	{"threads_rts_bulk", rts_prepare, rts_burst, NULL},
	{NULL, NULL, NULL, NULL},
};
