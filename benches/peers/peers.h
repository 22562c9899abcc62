/* Peers of Linecard's benches over libdpdk: what each file gives to main.c. */

#ifndef PEERS_H
#define PEERS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* One thing that is measured. Functions give 0, or -1 after complain(). */
struct peer {
	const char *name;
	/* Reads the input and builds what run works on; called once. NULL: nothing to do. */
	int (*prepare)(const char *file);
	/* Does at least so many units of work. Only this is timed. */
	int (*run)(uint64_t units);
	/* Writes what it computes of its input, for a comparison. NULL: nothing. */
	int (*answer)(FILE *out);
};

/* The peers of each file; the last has no name. */
extern const struct peer checksum_peers[];
extern const struct peer hash_peers[];
extern const struct peer lpm_peers[];
extern const struct peer lpm6_peers[];
extern const struct peer ptype_peers[];
extern const struct peer ring_peers[];
extern const struct peer ring_threads_peers[];
extern const struct peer pool_peers[];
extern const struct peer port_peers[];
extern const struct peer route_peers[];
extern const struct peer udp_peers[];

/* The processors that the program was started with: main.c is told which of them to be on. */
extern cpu_set_t allowed_cpus;

/* Whether the memory is on huge pages. */
extern bool on_huge_pages;

/* Says why something failed, as printf does; gives -1. */
__attribute__((format(printf, 1, 2))) int complain(const char *format, ...);

/* A file's bytes, in memory that is never given back, as all inputs live as long as the
 * program; NULL after complain(). There is room for 64 bytes more behind them. */
void *read_file(const char *path, size_t *len);

/* Keeps the compiler from leaving out what makes the value. */
#define KEEP(value) __asm__ volatile("" : : "r,m"(value) : "memory")

#define BURST 32

#endif
