/* The Toeplitz hash: rte_softrss_be() bit by bit, rte_thash_gfni() where the processor has GFNI. */

#include "peers.h"

#include <string.h>

#include <rte_byteorder.h>
#include <rte_thash.h>
#include <rte_thash_gfni.h>

#define KEY 40
#define LONGEST 36

/* As many as the bench goes through in turn. */
#define TUPLES 64

/* The bench's input: the key, then tuples of one length. */
static uint8_t key[KEY], key_be[KEY];
static uint64_t matrices[KEY];
static const uint8_t *tuples[TUPLES];
static uint32_t len;
/* The same in host order, in which rte_softrss_be() takes them: turned round in advance, as the conversion is
 * not what is measured. */
static uint32_t words[TUPLES][LONGEST / 4];

static int prepare(const char *file)
{
	size_t all;
	uint8_t *bytes = read_file(file, &all);
	uint32_t at, word;

	if (bytes == NULL)
		return -1;
	len = (uint32_t)(all - KEY) / TUPLES;
	if (all < KEY || len > LONGEST || len % 4 != 0 || all != KEY + TUPLES * len)
		return complain("the input is not %u tuples behind a key", TUPLES);
	memcpy(key, bytes, KEY);
	rte_convert_rss_key((const uint32_t *)(uintptr_t)key, (uint32_t *)(uintptr_t)key_be, KEY);
	for (at = 0; at < TUPLES; at++) {
		tuples[at] = bytes + KEY + at * len;
		for (word = 0; word < len / 4; word++) {
			memcpy(&words[at][word], tuples[at] + 4 * word, 4);
			words[at][word] = rte_be_to_cpu_32(words[at][word]);
		}
	}
	return 0;
}

static int prepare_gfni(const char *file)
{
#ifndef RTE_THASH_GFNI_DEFINED
	/* The library's own question would answer for the processor that the library was built for. */
	return complain("this processor has no GFNI");
#endif
	if (prepare(file) != 0)
		return -1;
	rte_thash_complete_matrix(matrices, key, KEY);
	return 0;
}

static __rte_always_inline void soft(uint32_t *hashes, uint32_t len)
{
	uint32_t at;

	for (at = 0; at < TUPLES; at++)
		hashes[at] = rte_softrss_be(words[at], len / 4, key_be);
}

static __rte_always_inline void gfni(uint32_t *hashes, uint32_t len)
{
	uint32_t at;

	for (at = 0; at < TUPLES; at++)
		hashes[at] = rte_thash_gfni(matrices, tuples[at], (int)len);
}

static __rte_always_inline void gfni_bulk(uint32_t *hashes, uint32_t len)
{
	rte_thash_gfni_bulk(matrices, (int)len, (uint8_t **)(uintptr_t)tuples, hashes, TUPLES);
}

/* With the length a constant, as a program that knows what it hashes has it. */
static __rte_always_inline void all(uint32_t *hashes, void (*hash)(uint32_t *, uint32_t))
{
	if (len == 12)
		hash(hashes, 12);
	else if (len == LONGEST)
		hash(hashes, LONGEST);
	else
		hash(hashes, len);
}

static __rte_always_inline int run(uint64_t units, void (*hash)(uint32_t *, uint32_t))
{
	uint32_t hashes[TUPLES];
	uint64_t unit;

	for (unit = 0; unit < units; unit += TUPLES) {
		all(hashes, hash);
		KEEP(&hashes);
	}
	return 0;
}

static __rte_always_inline int answer(FILE *out, void (*hash)(uint32_t *, uint32_t))
{
	uint32_t hashes[TUPLES];

	all(hashes, hash);
	if (fwrite(hashes, sizeof(hashes), 1, out) != 1)
		return complain("the answer cannot be written");
	return 0;
}

#define PEER(name)                                                                             \
	static int run_##name(uint64_t units)                                                  \
	{                                                                                      \
		return run(units, name);                                                       \
	}                                                                                      \
	static int answer_##name(FILE *out)                                                    \
	{                                                                                      \
		return answer(out, name);                                                      \
	}

PEER(soft)
PEER(gfni)
PEER(gfni_bulk)

const struct peer hash_peers[] = {
	{"hash_soft", prepare, run_soft, answer_soft},
	{"hash_gfni", prepare_gfni, run_gfni, answer_gfni},
	{"hash_gfni_bulk", prepare_gfni, run_gfni_bulk, answer_gfni_bulk},
	{NULL, NULL, NULL, NULL},
};
