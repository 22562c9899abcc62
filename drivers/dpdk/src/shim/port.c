/* Ports: what they can do, how they are set up, and the bursts. */
#include <errno.h>
#include <string.h>

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf_dyn.h>
#include <rte_log.h>

#include "shim.h"

_Static_assert(RTE_ETH_RX_OFFLOAD_VLAN_STRIP == 1ull << 0 && RTE_ETH_RX_OFFLOAD_IPV4_CKSUM == 1ull << 1 &&
		       RTE_ETH_RX_OFFLOAD_UDP_CKSUM == 1ull << 2 && RTE_ETH_RX_OFFLOAD_TCP_CKSUM == 1ull << 3 &&
		       RTE_ETH_RX_OFFLOAD_SCATTER == 1ull << 13 && RTE_ETH_RX_OFFLOAD_TIMESTAMP == 1ull << 14 && RTE_ETH_RX_OFFLOAD_RSS_HASH == 1ull << 19,
	       "src/offload.rs: receive");
_Static_assert(RTE_ETH_TX_OFFLOAD_VLAN_INSERT == 1ull << 0 && RTE_ETH_TX_OFFLOAD_UDP_CKSUM == 1ull << 2 &&
		       RTE_ETH_TX_OFFLOAD_TCP_CKSUM == 1ull << 3 && RTE_ETH_TX_OFFLOAD_MULTI_SEGS == 1ull << 15,
	       "src/offload.rs: transmit");

int lc_dpdk_info(uint16_t port, struct lc_dpdk_info *out)
{
	struct rte_eth_dev_info info;
	int rc = rte_eth_dev_info_get(port, &info);

	if (rc != 0)
		return -rc;
	memset(out, 0, sizeof(*out));
	out->rx_offloads = info.rx_offload_capa;
	out->tx_offloads = info.tx_offload_capa;
	out->rss = info.flow_type_rss_offloads;
	out->max_packet = info.max_rx_pktlen;
	out->max_mtu = info.max_mtu;
	out->min_mtu = info.min_mtu;
	out->max_rx_queues = info.max_rx_queues;
	out->max_tx_queues = info.max_tx_queues;
	out->max_rx_ring = info.rx_desc_lim.nb_max;
	out->max_tx_ring = info.tx_desc_lim.nb_max;
	out->table_size = info.reta_size;
	out->key_size = info.hash_key_size;
	out->functions = lc_dpdk_functions(&info);
	if (info.driver_name != NULL)
		strncpy(out->driver, info.driver_name, sizeof(out->driver) - 1);
	return 0;
}

/* Configures a stopped port and all of its queues; 0, or the error number. `step` says where. */
int lc_dpdk_configure(uint16_t port, struct lc_dpdk_setup *setup, struct rte_mempool *mp, int *step)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf;
	uint16_t queue;
	int rc, socket;

	*step = 0;
	rc = rte_eth_dev_info_get(port, &info);
	if (rc != 0)
		return -rc;
	memset(&conf, 0, sizeof(conf));
	conf.rxmode.mtu = setup->mtu;
	conf.rxmode.offloads = setup->rx_offloads;
	conf.txmode.offloads = setup->tx_offloads;
	if (setup->rss != 0) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		lc_dpdk_rss_conf(&conf.rx_adv_conf.rss_conf, setup);
	}
	*step = 1;
	rc = rte_eth_dev_configure(port, setup->queues, setup->queues, &conf);
	if (rc != 0)
		return -rc;
	*step = 2;
	rc = rte_eth_dev_adjust_nb_rx_tx_desc(port, &setup->rx_ring, &setup->tx_ring);
	if (rc != 0 && rc != -ENOTSUP)
		return -rc;
	socket = rte_eth_dev_socket_id(port);
	for (queue = 0; queue < setup->queues; queue++) {
		struct rte_eth_rxconf rx = info.default_rxconf;
		struct rte_eth_txconf tx = info.default_txconf;

		rx.offloads = setup->rx_offloads;
		tx.offloads = setup->tx_offloads;
		*step = 3;
		rc = rte_eth_rx_queue_setup(port, queue, setup->rx_ring, socket, &rx, mp);
		if (rc != 0)
			return -rc;
		*step = 4;
		rc = rte_eth_tx_queue_setup(port, queue, setup->tx_ring, socket, &tx);
		if (rc != 0)
			return -rc;
	}
	return 0;
}

/* Has the queues of a stopped port give back what they hold, where a driver fills them when they are set
 * up (net_tap). It is to be configured anew before it is started. */
void lc_dpdk_release(uint16_t port, uint16_t queues)
{
	uint32_t level = rte_log_get_global_level();
	struct rte_eth_conf conf;

	memset(&conf, 0, sizeof(conf));
	/* Queues that are no longer wanted are let go of before the driver is asked. It refuses, and need not
	 * say so. */
	rte_log_set_global_level(RTE_LOG_EMERG);
	(void)rte_eth_dev_configure(port, 0, queues, &conf);
	rte_log_set_global_level(level);
}

int lc_dpdk_start(uint16_t port, int promiscuous)
{
	int rc = rte_eth_dev_start(port);

	if (rc != 0)
		return -rc;
	/* Not every device knows the difference: then it receives everything anyhow. */
	if (promiscuous)
		(void)rte_eth_promiscuous_enable(port);
	return 0;
}

int lc_dpdk_stop(uint16_t port) { return -rte_eth_dev_stop(port); }

/* Bit 0: up. The speed in Mbit/s, 0 if unknown. */
int lc_dpdk_link(uint16_t port, uint32_t *mbits)
{
	struct rte_eth_link link;

	memset(&link, 0, sizeof(link));
	*mbits = 0;
	if (rte_eth_link_get_nowait(port, &link) != 0)
		return 0;
	if (link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN)
		*mbits = link.link_speed;
	return link.link_status == RTE_ETH_LINK_UP;
}

int lc_dpdk_mac(uint16_t port, uint8_t mac[6])
{
	struct rte_ether_addr address;
	int rc = rte_eth_macaddr_get(port, &address);

	if (rc == 0)
		memcpy(mac, address.addr_bytes, 6);
	return -rc;
}

int lc_dpdk_mtu(uint16_t port, uint16_t *mtu) { return -rte_eth_dev_get_mtu(port, mtu); }

int lc_dpdk_stats(uint16_t port, struct lc_dpdk_stats *out)
{
	struct rte_eth_stats stats;
	int rc = rte_eth_stats_get(port, &stats);

	if (rc != 0)
		return -rc;
	out->missed = stats.imissed;
	out->rx_errors = stats.ierrors;
	out->tx_errors = stats.oerrors;
	out->no_mbuf = stats.rx_nombuf;
	return 0;
}

/* How many extended statistics there are; calls `each` with the name and value of every one. */
int lc_dpdk_xstats(uint16_t port, struct rte_eth_xstat_name *names, struct rte_eth_xstat *values, unsigned room,
		   void (*each)(void *, const char *, uint64_t), void *arg)
{
	int count, i;

	count = rte_eth_xstats_get_names(port, names, room);
	if (count < 0 || (unsigned)count > room)
		return count;
	count = rte_eth_xstats_get(port, values, room);
	for (i = 0; i < count && (unsigned)i < room; i++)
		if (values[i].id < room)
			each(arg, names[values[i].id].name, values[i].value);
	return count;
}

int lc_dpdk_xstat_id(uint16_t port, const char *name, uint64_t *id)
{
	return -rte_eth_xstats_get_id_by_name(port, name, id);
}

/* How many values there are, all or none: those of a port that has forgotten one are left alone. */
int lc_dpdk_xstats_by_id(uint16_t port, const uint64_t *ids, uint64_t *values, unsigned count)
{
	return rte_eth_xstats_get_by_id(port, ids, values, count);
}

/* Where in an mbuf a driver puts the time of receipt, and the flag that says so; 0, or the error number. */
int lc_dpdk_timestamps(int *offset, uint64_t *flag)
{
	return rte_mbuf_dyn_rx_timestamp_register(offset, flag) == 0 ? 0 : rte_errno;
}

unsigned lc_dpdk_xstat_name_size(void) { return sizeof(struct rte_eth_xstat_name); }
unsigned lc_dpdk_xstat_size(void) { return sizeof(struct rte_eth_xstat); }
