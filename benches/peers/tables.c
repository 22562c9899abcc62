/* rte_lpm and rte_fib with half a million routes each, in about a second. */

#include "tables.h"
#include "peers.h"

#include <rte_errno.h>
#include <rte_fib.h>
#include <rte_lpm.h>

#define TBL8_GROUPS 4096

/* rte_lpm_add() looks for each new rule among all of its length, which takes the better part of a minute for a
 * full table. Its look-ups read the two tables alone; so prefixes of up to 24 bits are painted straight
 * into the first one, shorter ones first, and only the few longer ones are added by the library, on
 * top. What the look-up finds is the same: the bench compares every answer. */
struct rte_lpm *make_lpm(const struct route4 *routes, uint32_t count)
{
	const struct rte_lpm_config config = {
		.max_rules = 16384,
		.number_tbl8s = TBL8_GROUPS,
	};
	struct rte_lpm *lpm = rte_lpm_create("peers_lpm", SOCKET_ID_ANY, &config);
	uint32_t length, at, slot;

	if (lpm == NULL) {
		complain("rte_lpm_create: %s", rte_strerror(rte_errno));
		return NULL;
	}
	for (length = 1; length <= RTE_LPM_MAX_DEPTH; length++)
		for (at = 0; at < count; at++) {
			const struct route4 *route = &routes[at];

			if (route->length != length)
				continue;
			if (length <= 24) {
				const struct rte_lpm_tbl_entry entry = {
					.next_hop = route->hop,
					.valid = 1,
					.valid_group = 0,
					.depth = length,
				};

				for (slot = 0; slot < 1u << (24 - length); slot++)
					lpm->tbl24[(route->first >> 8) + slot] = entry;
			} else if (rte_lpm_add(lpm, route->first, length, route->hop) != 0) {
				complain("rte_lpm_add: no room");
				rte_lpm_free(lpm);
				return NULL;
			}
		}
	return lpm;
}

/* Two bytes an entry, as Linecard's table has; and the look-up by AVX-512 where there is one. */
struct rte_fib *make_fib(const struct route4 *routes, uint32_t count)
{
	struct rte_fib_conf config = {
		.type = RTE_FIB_DIR24_8,
		.default_nh = NO_HOP,
		.max_routes = (int)count + 16,
		.dir24_8 = {.nh_sz = RTE_FIB_DIR24_8_2B, .num_tbl8 = TBL8_GROUPS},
	};
	struct rte_fib *fib = rte_fib_create("peers_fib", SOCKET_ID_ANY, &config);
	uint32_t at;

	if (fib == NULL) {
		complain("rte_fib_create: %s", rte_strerror(rte_errno));
		return NULL;
	}
	for (at = 0; at < count; at++)
		if (rte_fib_add(fib, routes[at].first, (uint8_t)routes[at].length,
				routes[at].hop) != 0) {
			complain("rte_fib_add: no room");
			rte_fib_free(fib);
			return NULL;
		}
	/* Refused where the processor has none: then it stays as it was chosen. */
	rte_fib_select_lookup(fib, RTE_FIB_LOOKUP_DIR24_8_VECTOR_AVX512);
	return fib;
}
