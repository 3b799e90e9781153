// SPDX-License-Identifier: Apache-2.0 OR MIT
// Ports, sockets and netlink.

#define _GNU_SOURCE
#include "asks.h"

#include <arpa/inet.h>
#include <linux/audit.h>
#include <linux/if.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// A socket that may have a port whose last connection has just ended.
static int stream(int family)
{
	int fd = socket(family, SOCK_STREAM, 0), yes = 1;

	prepared(fd, "socket");
	prepared(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), "setsockopt");
	return fd;
}

static int bind_low(const struct given *given)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons(given->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	return outcome(bind(stream(AF_INET), (struct sockaddr *)&at, sizeof(at)));
}

static int bind_low_6(const struct given *given)
{
	struct sockaddr_in6 at = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(given->port),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};
	return outcome(bind(stream(AF_INET6), (struct sockaddr *)&at, sizeof(at)));
}

static int raw_socket(const struct given *given)
{
	(void)given;
	return outcome(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

static int packet_socket(const struct given *given)
{
	(void)given;
	return outcome(socket(AF_PACKET, SOCK_RAW, 0));
}

static int ping_socket(const struct given *given)
{
	(void)given;
	return outcome(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP));
}

/* The first binding is free; to change it is not. */
static int bind_device(const struct given *given)
{
	(void)given;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	prepared(fd, "socket");
	prepared(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), "SO_BINDTODEVICE");
	return outcome(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "", 0));
}

static int send_netlink(int protocol, struct nlmsghdr *message)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW, protocol);

	prepared(fd, "socket");
	return outcome(sendto(fd, message, message->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)));
}

/* The call succeeds in any case: the answer comes later, as a message. */
static int audit_user(const struct given *given)
{
	(void)given;
	struct {
		struct nlmsghdr head;
		char text[16];
	} message = {
		.head = { .nlmsg_len = sizeof(message), .nlmsg_type = AUDIT_USER, .nlmsg_flags = NLM_F_REQUEST },
		.text = "op=test",
	};

	return send_netlink(NETLINK_AUDIT, &message.head);
}

/* Asks for the loopback to stay as it is, which takes the same as a change. */
static int set_link(const struct given *given)
{
	(void)given;
	struct {
		struct nlmsghdr head;
		struct ifinfomsg link;
	} message = {
		.head = { .nlmsg_len = sizeof(message), .nlmsg_type = RTM_NEWLINK, .nlmsg_flags = NLM_F_REQUEST },
		.link = { .ifi_family = AF_UNSPEC, .ifi_index = 1 },
	};

	return send_netlink(NETLINK_ROUTE, &message.head);
}

const struct row network_rows[] = {
	{ "bind_low", bind_low },
	{ "bind_low_6", bind_low_6 },
	{ "raw_socket", raw_socket },
	{ "packet_socket", packet_socket },
	{ "ping_socket", ping_socket },
	{ "bind_device", bind_device },
	{ "audit_user", audit_user },
	{ "set_link", set_link },
	{},
};
