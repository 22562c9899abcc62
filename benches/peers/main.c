/* Peers of Linecard's benches: a child process that measures one thing at a time, as it is told.
 *
 *   peers huge|plain CPU
 *
 * says "ready" once DPDK runs, then answers each line of standard input by one line:
 *
 *   prepare NAME FILE     "ok" when the peer has read its input (FILE "-": it has none)
 *   run NAME UNITS CPU    on that CPU; the nanoseconds of processor time that the work took
 *   answer NAME FILE      "ok" when FILE has what the peer computes of its input
 *
 * or by "error WHY". While it waits for a line it sleeps, and takes no time from others. It ends
 * with its standard input. */

#define _GNU_SOURCE
#include "peers.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>

bool on_huge_pages;

cpu_set_t allowed_cpus;

static char why[256];

static const struct peer *const groups[] = {
	checksum_peers,
	hash_peers,
	lpm_peers,
	lpm6_peers,
	ptype_peers,
	ring_peers,
	ring_threads_peers,
	pool_peers,
	port_peers,
	route_peers,
	udp_peers,
};

int complain(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	return -1;
}

void *read_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "rb");
	void *bytes = NULL;
	long end;

	if (file == NULL) {
		complain("%s: %s", path, strerror(errno));
		return NULL;
	}
	if (fseek(file, 0, SEEK_END) != 0 || (end = ftell(file)) < 0 ||
	    fseek(file, 0, SEEK_SET) != 0)
		complain("%s: %s", path, strerror(errno));
	else if ((bytes = calloc(1, (size_t)end + 64)) == NULL)
		complain("%s: no memory for %ld bytes", path, end);
	else if (fread(bytes, 1, (size_t)end, file) != (size_t)end) {
		complain("%s: cut short", path);
		free(bytes);
		bytes = NULL;
	} else
		*len = (size_t)end;
	fclose(file);
	return bytes;
}

static const struct peer *find(const char *name)
{
	size_t group;
	const struct peer *peer;

	for (group = 0; group < sizeof(groups) / sizeof(*groups); group++)
		for (peer = groups[group]; peer->name != NULL; peer++)
			if (strcmp(peer->name, name) == 0)
				return peer;
	complain("no peer %s", name);
	return NULL;
}

static int move_to(int cpu)
{
	static int here = -1;
	cpu_set_t set;

	if (cpu == here)
		return 0;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		return complain("CPU %d: %s", cpu, strerror(errno));
	here = cpu;
	return 0;
}

static uint64_t cpu_nanos(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int answer_to_file(const struct peer *peer, const char *path)
{
	FILE *out;
	int failed;

	if (peer->answer == NULL)
		return complain("%s has no answer", peer->name);
	out = fopen(path, "wb");
	if (out == NULL)
		return complain("%s: %s", path, strerror(errno));
	failed = peer->answer(out);
	if (fclose(out) != 0 && failed == 0)
		failed = complain("%s: %s", path, strerror(errno));
	return failed;
}

/* Does what a line asks for; true if `nanos` is the answer. */
static int obey(const char *line, bool *timed, uint64_t *nanos)
{
	char name[64], file[1024];
	const struct peer *peer;
	unsigned long long units;
	int cpu;

	*timed = false;
	if (sscanf(line, "prepare %63s %1023s", name, file) == 2) {
		peer = find(name);
		if (peer == NULL)
			return -1;
		return peer->prepare == NULL ? 0 : peer->prepare(file);
	}
	if (sscanf(line, "run %63s %llu %d", name, &units, &cpu) == 3) {
		uint64_t start;
		int failed;

		peer = find(name);
		if (peer == NULL || move_to(cpu) != 0)
			return -1;
		start = cpu_nanos();
		failed = peer->run(units);
		*nanos = cpu_nanos() - start;
		*timed = true;
		return failed;
	}
	if (sscanf(line, "answer %63s %1023s", name, file) == 2) {
		peer = find(name);
		return peer == NULL ? -1 : answer_to_file(peer, file);
	}
	return complain("what is asked is not understood");
}

/* Memory for the largest table, its builder and the packets; taken at once, so that nobody else gets
 * the pages that were reserved for it. */
#define MEGABYTES "768"

static int start_dpdk(const char *program, const char *pages, const char *cpu)
{
	char lcore[32], prefix[64];
	const char *huge[] = {
		program, "--lcores", lcore, "-m", MEGABYTES, "--in-memory", "--no-pci", "--file-prefix", prefix,
		"--no-telemetry", "--log-level=error", "--force-max-simd-bitwidth=512", NULL,
	};
	const char *plain[] = {
		program, "--lcores", lcore, "-m", MEGABYTES, "--no-huge", "--no-pci", "--file-prefix", prefix,
		"--no-shconf", "--no-telemetry", "--log-level=error", "--force-max-simd-bitwidth=512", NULL,
	};
	const char **arguments = strcmp(pages, "huge") == 0 ? huge : plain;
	int count = 0;

	snprintf(lcore, sizeof(lcore), "0@%d", atoi(cpu));
	snprintf(prefix, sizeof(prefix), "linecard-peer-%d-%d", (int)getppid(), (int)getpid());
	while (arguments[count] != NULL)
		count++;
	if (rte_eal_init(count, (char **)(uintptr_t)arguments) < 0)
		return complain("rte_eal_init, %s pages: %s", pages, rte_strerror(rte_errno));
	/* Made although no file is to be in it, and never removed by DPDK. */
	rmdir(rte_eal_get_runtime_dir());
	on_huge_pages = arguments == huge;
	return 0;
}

int main(int count, char **arguments)
{
	char line[2048];

	if (count != 3) {
		fprintf(stderr, "%s huge|plain CPU\n", arguments[0]);
		return 2;
	}
	/* DPDK keeps its thread to one of them. */
	if (sched_getaffinity(0, sizeof(allowed_cpus), &allowed_cpus) != 0) {
		printf("error no processors: %s\n", strerror(errno));
		return 1;
	}
	if (start_dpdk(arguments[0], arguments[1], arguments[2]) != 0) {
		printf("error %s\n", why);
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		uint64_t nanos;
		bool timed;

		if (obey(line, &timed, &nanos) != 0)
			printf("error %s\n", why);
		else if (timed)
			printf("%llu\n", (unsigned long long)nanos);
		else
			printf("ok\n");
		fflush(stdout);
	}
	rte_eal_cleanup();
	return 0;
}
