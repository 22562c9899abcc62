/* Forwarders over packet sockets, peers of Linecard's benches on veth:
 *
 *   linecard-forward tpacket|pcap IN OUT CPU
 *
 * What comes in by IN goes out by OUT as it is, until the program is killed. It prints "ready", or why it cannot. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef HAVE_PCAP
#include <pcap/pcap.h>
#endif

/* The ring that is received into: blocks of many packets, which the kernel hands over when they are full, or
 * after a millisecond; and the ring that is sent from. */
#define BLOCK (1u << 18)
#define BLOCKS 16u
#define SLOT 2048u
#define SLOTS 2048u

/* Packets that are sent by one system call. */
#define BATCH 32u

static int complain(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	return 1;
}

static int packet_socket(const char *interface, int protocol)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = (int)if_nametoindex(interface),
	};
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (fd < 0 || address.sll_ifindex == 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		return -1;
	return fd;
}

struct sender {
	int fd;
	uint8_t *slots;
	unsigned int next, waiting;
};

static void flush(struct sender *to)
{
	/* EAGAIN and ENOBUFS: what is in the ring goes with the next call. */
	if (to->waiting != 0)
		(void)!send(to->fd, NULL, 0, MSG_DONTWAIT);
	to->waiting = 0;
}

/* Puts a packet into the next slot; one that finds it taken is lost, as in any full queue. */
static void put(struct sender *to, const void *bytes, uint32_t len)
{
	struct tpacket2_hdr *slot = (struct tpacket2_hdr *)(to->slots + (size_t)to->next * SLOT);
	const size_t offset = TPACKET2_HDRLEN - sizeof(struct sockaddr_ll);

	if (__atomic_load_n(&slot->tp_status, __ATOMIC_ACQUIRE) & (TP_STATUS_SEND_REQUEST | TP_STATUS_SENDING)) {
		flush(to);
		return;
	}
	if (len > SLOT - offset)
		return;
	memcpy((uint8_t *)slot + offset, bytes, len);
	slot->tp_len = len;
	__atomic_store_n(&slot->tp_status, TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
	to->next = (to->next + 1) % SLOTS;
	if (++to->waiting == BATCH)
		flush(to);
}

static int tpacket(const char *in, const char *out)
{
	const struct tpacket_req3 receive = {
		.tp_block_size = BLOCK,
		.tp_block_nr = BLOCKS,
		.tp_frame_size = SLOT,
		.tp_frame_nr = BLOCK / SLOT * BLOCKS,
		.tp_retire_blk_tov = 1,
	};
	const struct tpacket_req transmit = {
		.tp_block_size = SLOT * SLOTS,
		.tp_block_nr = 1,
		.tp_frame_size = SLOT,
		.tp_frame_nr = SLOTS,
	};
	const int v3 = TPACKET_V3, v2 = TPACKET_V2, yes = 1;
	struct sender to = { 0 };
	uint8_t *blocks;
	unsigned int at;
	int from = packet_socket(in, ETH_P_ALL);

	to.fd = packet_socket(out, 0);
	if (from < 0 || to.fd < 0)
		return complain("a packet socket");
	if (setsockopt(from, SOL_PACKET, PACKET_VERSION, &v3, sizeof(v3)) != 0 ||
	    setsockopt(from, SOL_PACKET, PACKET_RX_RING, &receive, sizeof(receive)) != 0)
		return complain("TPACKET_V3");
	/* Past the queueing discipline, as AF_XDP goes. */
	if (setsockopt(to.fd, SOL_PACKET, PACKET_VERSION, &v2, sizeof(v2)) != 0 ||
	    setsockopt(to.fd, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof(yes)) != 0 ||
	    setsockopt(to.fd, SOL_PACKET, PACKET_LOSS, &yes, sizeof(yes)) != 0 ||
	    setsockopt(to.fd, SOL_PACKET, PACKET_TX_RING, &transmit, sizeof(transmit)) != 0)
		return complain("PACKET_TX_RING");
	blocks = mmap(NULL, (size_t)BLOCK * BLOCKS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, from, 0);
	to.slots = mmap(NULL, (size_t)SLOT * SLOTS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, to.fd, 0);
	if (blocks == MAP_FAILED || to.slots == MAP_FAILED)
		return complain("mmap");
	puts("ready");
	fflush(stdout);
	for (at = 0;; at = (at + 1) % BLOCKS) {
		struct tpacket_block_desc *block = (struct tpacket_block_desc *)(blocks + (size_t)at * BLOCK);
		struct tpacket3_hdr *packet;
		uint32_t left;

		while (!(__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER)) {
			struct pollfd ready = { .fd = from, .events = POLLIN };

			poll(&ready, 1, 10);
		}
		packet = (struct tpacket3_hdr *)((uint8_t *)block + block->hdr.bh1.offset_to_first_pkt);
		for (left = block->hdr.bh1.num_pkts; left > 0; left--) {
			put(&to, (uint8_t *)packet + packet->tp_mac, packet->tp_snaplen);
			packet = (struct tpacket3_hdr *)((uint8_t *)packet + packet->tp_next_offset);
		}
		flush(&to);
		__atomic_store_n(&block->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	}
}

#ifdef HAVE_PCAP
static pcap_t *open_pcap(const char *interface)
{
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *handle = pcap_create(interface, why);

	if (handle == NULL)
		printf("pcap: %s\n", why);
	else if (pcap_set_snaplen(handle, 2048) != 0 || pcap_set_timeout(handle, 1) != 0 ||
		 pcap_set_buffer_size(handle, BLOCK * BLOCKS) != 0 || pcap_activate(handle) < 0 ||
		 pcap_setdirection(handle, PCAP_D_IN) != 0) {
		printf("pcap: %s\n", pcap_geterr(handle));
		handle = NULL;
	}
	return handle;
}

static void inject(u_char *to, const struct pcap_pkthdr *head, const u_char *bytes)
{
	/* A packet that finds no room is lost. */
	(void)!pcap_inject((pcap_t *)to, bytes, head->caplen);
}

static int pcap(const char *in, const char *out)
{
	pcap_t *from = open_pcap(in), *to = open_pcap(out);

	if (from == NULL || to == NULL)
		return 1;
	puts("ready");
	fflush(stdout);
	while (pcap_dispatch(from, -1, inject, (u_char *)to) >= 0)
		;
	return 1;
}
#else
static int pcap(const char *in, const char *out)
{
	(void)in;
	(void)out;
	puts("no libpcap when it was built (Debian: libpcap-dev)");
	return 1;
}
#endif

int main(int count, char **arguments)
{
	cpu_set_t set;

	if (count != 5) {
		printf("%s tpacket|pcap IN OUT CPU\n", arguments[0]);
		return 2;
	}
	CPU_ZERO(&set);
	CPU_SET(atoi(arguments[4]), &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		return complain("the processor");
	if (strcmp(arguments[1], "pcap") == 0)
		return pcap(arguments[2], arguments[3]);
	return tpacket(arguments[2], arguments[3]);
}
