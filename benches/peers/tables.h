/* Route tables, filled from the bench's input. */

#ifndef TABLES_H
#define TABLES_H

#include <stdint.h>

struct rte_fib;
struct rte_lpm;

/* As the bench writes them: addresses in host order. */
struct route4 {
	uint32_t first;
	uint16_t length;
	uint16_t hop;
};

/* What a table says of addresses without a route. */
#define NO_HOP 0x7fff

/* Tables with these routes; NULL after complain(). */
struct rte_lpm *make_lpm(const struct route4 *routes, uint32_t count);
struct rte_fib *make_fib(const struct route4 *routes, uint32_t count);

#endif
