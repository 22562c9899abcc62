/* The environment: start-up, threads, devices by name. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_version.h>

#include "shim.h"

unsigned lc_dpdk_compiled(void) { return RTE_VER_YEAR * 100 + RTE_VER_MONTH; }

unsigned lc_dpdk_found(void)
{
	unsigned year = 0, month = 0;

	if (sscanf(rte_version(), "DPDK %u.%u", &year, &month) != 2)
		return 0;
	return year * 100 + month;
}

/* 0, or the error number. */
int lc_dpdk_init(int argc, char **argv)
{
	if (rte_eal_init(argc, argv) >= 0)
		return 0;
	return rte_errno != 0 ? rte_errno : EINVAL;
}

/* Whether devices address memory by physical addresses. */
int lc_dpdk_is_physical(void) { return rte_eal_iova_mode() == RTE_IOVA_PA; }

/* A folder that is made even where no file is to be in it. */
const char *lc_dpdk_folder(void) { return rte_eal_get_runtime_dir(); }

int lc_dpdk_thread_register(void)
{
	if (rte_lcore_id() != LCORE_ID_ANY)
		return 0;
	return rte_thread_register() == 0 ? 0 : rte_errno;
}

/* The calling thread's number with DPDK. */
unsigned lc_dpdk_lcore(void) { return rte_lcore_id(); }

void lc_dpdk_thread_unregister(void) { rte_thread_unregister(); }

/* Plugs a device in by its arguments and finds its port; 0, or the error number. */
int lc_dpdk_probe(const char *devargs, const char *name, uint16_t *port)
{
	struct rte_dev_iterator iterator;
	uint16_t id;
	int rc;

	if (rte_eth_dev_get_port_by_name(name, port) == 0)
		return EEXIST;
	rc = rte_dev_probe(devargs);
	if (rc != 0)
		return rc < 0 ? -rc : ENODEV;
	if (rte_eth_dev_get_port_by_name(name, port) == 0)
		return 0;
	rc = ENODEV;
	RTE_ETH_FOREACH_MATCHING_DEV(id, devargs, &iterator)
	{
		*port = id;
		rte_eth_iterator_cleanup(&iterator);
		rc = 0;
		break;
	}
	return rc;
}

/* Closes a port and, if its device is made of software, takes that away too. */
int lc_dpdk_close(uint16_t port)
{
	struct rte_eth_dev_info info;
	struct rte_device *device = NULL;
	int rc;

	if (rte_eth_dev_info_get(port, &info) == 0 && info.device != NULL) {
		const struct rte_bus *bus = rte_dev_bus(info.device);
		if (bus != NULL && strcmp(rte_bus_name(bus), "vdev") == 0)
			device = info.device;
	}
	rc = rte_eth_dev_close(port);
	if (device != NULL)
		rte_dev_remove(device);
	return -rc;
}
