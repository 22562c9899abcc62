/* Receive-side scaling: what is hashed, by which key, and which queue a hash goes to. */
#include <errno.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_version.h>

#include "shim.h"

_Static_assert(RTE_ETH_RSS_IPV4 == 1ull << 2 && RTE_ETH_RSS_FRAG_IPV4 == 1ull << 3 &&
		       RTE_ETH_RSS_NONFRAG_IPV4_TCP == 1ull << 4 && RTE_ETH_RSS_NONFRAG_IPV4_UDP == 1ull << 5 &&
		       RTE_ETH_RSS_NONFRAG_IPV4_SCTP == 1ull << 6 && RTE_ETH_RSS_NONFRAG_IPV4_OTHER == 1ull << 7,
	       "src/rss.rs: IPv4");
_Static_assert(RTE_ETH_RSS_IPV6 == 1ull << 8 && RTE_ETH_RSS_FRAG_IPV6 == 1ull << 9 &&
		       RTE_ETH_RSS_NONFRAG_IPV6_TCP == 1ull << 10 && RTE_ETH_RSS_NONFRAG_IPV6_UDP == 1ull << 11 &&
		       RTE_ETH_RSS_NONFRAG_IPV6_SCTP == 1ull << 12 && RTE_ETH_RSS_NONFRAG_IPV6_OTHER == 1ull << 13 &&
		       RTE_ETH_RSS_IPV6_EX == 1ull << 15 && RTE_ETH_RSS_IPV6_TCP_EX == 1ull << 16 &&
		       RTE_ETH_RSS_IPV6_UDP_EX == 1ull << 17,
	       "src/rss.rs: IPv6");
_Static_assert(RTE_ETH_RSS_L2_PAYLOAD == 1ull << 14 && RTE_ETH_RSS_VXLAN == 1ull << 19 &&
		       RTE_ETH_RSS_GENEVE == 1ull << 20 && RTE_ETH_RSS_NVGRE == 1ull << 21 &&
		       RTE_ETH_RSS_ETH == 1ull << 24 && RTE_ETH_RSS_C_VLAN == 1ull << 26 &&
		       RTE_ETH_RSS_MPLS == 1ull << 33 && RTE_ETH_RSS_LEVEL_OUTERMOST >= 1ull << 50,
	       "src/rss.rs: others");
_Static_assert(RTE_ETH_RSS_L4_DST_ONLY == 1ull << 60 && RTE_ETH_RSS_L4_SRC_ONLY == 1ull << 61 &&
		       RTE_ETH_RSS_L3_DST_ONLY == 1ull << 62 && RTE_ETH_RSS_L3_SRC_ONLY == 1ull << 63,
	       "src/rss.rs: sides");
_Static_assert(RTE_ETH_HASH_FUNCTION_TOEPLITZ == 1 && RTE_ETH_HASH_FUNCTION_SIMPLE_XOR == 2 &&
		       RTE_ETH_HASH_FUNCTION_SYMMETRIC_TOEPLITZ == 3,
	       "src/rss.rs: RssFunction");

/* A bit for each hash function that can be chosen when a port is set up. */
uint32_t lc_dpdk_functions(const struct rte_eth_dev_info *info)
{
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
	return info->rss_algo_capa;
#else
	(void)info;
	return 0;
#endif
}

void lc_dpdk_rss_conf(struct rte_eth_rss_conf *conf, struct lc_dpdk_setup *setup)
{
	memset(conf, 0, sizeof(*conf));
	conf->rss_hf = setup->rss;
	if (setup->key_len != 0) {
		conf->rss_key = setup->key;
		conf->rss_key_len = (uint8_t)setup->key_len;
	}
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
	conf->algorithm = (enum rte_eth_hash_function)setup->function;
#endif
}

/* Asks for the same of a port that is started: some drivers look at it when they are configured, some
 * only here. 0, or the error number; one that cannot be asked has looked before. */
int lc_dpdk_rss_update(uint16_t port, struct lc_dpdk_setup *setup)
{
	struct rte_eth_rss_conf conf;
	int rc;

	lc_dpdk_rss_conf(&conf, setup);
	rc = rte_eth_dev_rss_hash_update(port, &conf);
	return rc == -ENOTSUP ? 0 : -rc;
}

/* Has the entries of the table go to the first `over` queues in turn. */
int lc_dpdk_rss_spread(uint16_t port, uint16_t entries, uint16_t over)
{
	struct rte_eth_rss_reta_entry64 table[LC_DPDK_TABLE / RTE_ETH_RETA_GROUP_SIZE];
	unsigned at;

	if (over == 0 || entries > LC_DPDK_TABLE)
		return EINVAL;
	memset(table, 0, sizeof(table));
	for (at = 0; at < entries; at++) {
		struct rte_eth_rss_reta_entry64 *group = &table[at / RTE_ETH_RETA_GROUP_SIZE];

		group->mask |= 1ull << (at % RTE_ETH_RETA_GROUP_SIZE);
		group->reta[at % RTE_ETH_RETA_GROUP_SIZE] = (uint16_t)(at % over);
	}
	return -rte_eth_dev_rss_reta_update(port, table, entries);
}

/* What is hashed, and the key, of which there is room for LC_DPDK_KEY bytes. */
int lc_dpdk_rss_read(uint16_t port, uint64_t *fields, uint8_t *key, uint32_t *key_len)
{
	struct rte_eth_rss_conf conf;
	struct rte_eth_dev_info info;
	int rc = rte_eth_dev_info_get(port, &info);

	if (rc != 0)
		return -rc;
	memset(&conf, 0, sizeof(conf));
	/* A driver may write as many bytes as it said that its key has, whatever it is told. */
	if (info.hash_key_size <= LC_DPDK_KEY) {
		conf.rss_key = key;
		conf.rss_key_len = info.hash_key_size != 0 ? info.hash_key_size : 40;
	}
	rc = rte_eth_dev_rss_hash_conf_get(port, &conf);
	if (rc != 0)
		return -rc;
	*fields = conf.rss_hf;
	*key_len = conf.rss_key != NULL && conf.rss_key_len <= LC_DPDK_KEY ? conf.rss_key_len : 0;
	return 0;
}

/* The queue of each entry of the table; there is room for `entries`. */
int lc_dpdk_rss_table(uint16_t port, uint16_t *queues, uint16_t entries)
{
	struct rte_eth_rss_reta_entry64 table[LC_DPDK_TABLE / RTE_ETH_RETA_GROUP_SIZE];
	unsigned at;
	int rc;

	if (entries > LC_DPDK_TABLE)
		return EINVAL;
	memset(table, 0, sizeof(table));
	for (at = 0; at < entries; at++)
		table[at / RTE_ETH_RETA_GROUP_SIZE].mask |= 1ull << (at % RTE_ETH_RETA_GROUP_SIZE);
	rc = rte_eth_dev_rss_reta_query(port, table, entries);
	if (rc != 0)
		return -rc;
	for (at = 0; at < entries; at++)
		queues[at] = table[at / RTE_ETH_RETA_GROUP_SIZE].reta[at % RTE_ETH_RETA_GROUP_SIZE];
	return 0;
}
