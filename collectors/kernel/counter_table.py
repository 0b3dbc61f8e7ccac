"""The counters that podwire knows, as a table (meanings: docs/reference/counters.md)."""

from __future__ import annotations

# name | scope | unit (a leading = marks a gauge) | weight (!: trouble when it moves) | meaning
TABLE = """
IpInReceives | netns | packets | | packets received
IpForwDatagrams | netns | packets | | packets forwarded for others
IpInDelivers | netns | packets | | packets delivered to a local protocol
IpOutRequests | netns | packets | | packets sent by local protocols
IpInHdrErrors | netns | packets | ! | received packets dropped for a bad header or TTL
IpInAddrErrors | netns | packets | ! | received packets dropped: not for an address here
IpInDiscards | netns | packets | ! | received packets dropped for lack of a resource
IpOutDiscards | netns | packets | ! | packets to send dropped for lack of a resource
IpOutNoRoutes | netns | packets | ! | packets to send dropped: no route
IpReasmTimeout | netns | packets | ! | fragments whose rest did not arrive in time
IpReasmReqds | netns | fragments | | fragments received
IpReasmOKs | netns | packets | | packets put together from fragments
IpReasmFails | netns | packets | ! | packets that could not be put together: fragments lost
IpFragOKs | netns | packets | | packets split into fragments
IpFragFails | netns | packets | ! | too large for the next link, DF set: a smaller MTU on the path
IpFragCreates | netns | fragments | | fragments made
IpOutTransmits | netns | packets | | packets handed to a link
IpExtInNoRoutes | netns | packets | ! | packets to forward dropped: no route
IpExtInTruncatedPkts | netns | packets | ! | packets shorter than they say
IpExtInOctets | netns | bytes | | bytes received
IpExtOutOctets | netns | bytes | | bytes sent
IpExtInNoECTPkts | netns | packets | | packets received without ECN
IpExtInCsumErrors | netns | packets | ! | IP header checksums that were wrong
IpExtReasmOverlaps | netns | fragments | ! | fragments that overlap
IcmpInMsgs | netns | messages | | ICMP messages received
IcmpOutMsgs | netns | messages | | ICMP messages sent
IcmpInErrors | netns | messages | ! | bad ICMP messages received
IcmpInDestUnreachs | netns | messages | ! | 'unreachable' received: port closed, no route, too big
IcmpOutDestUnreachs | netns | messages | ! | 'unreachable' answers sent
IcmpInTimeExcds | netns | messages | ! | 'time exceeded' received: the TTL ran out on the path
IcmpInEchos | netns | messages | | pings received
IcmpInEchoReps | netns | messages | | ping answers received
IcmpOutEchoReps | netns | messages | | ping answers sent
IcmpOutEchos | netns | messages | | pings sent
TcpActiveOpens | netns | connections | | connections opened from here
TcpPassiveOpens | netns | connections | | connections accepted here
TcpAttemptFails | netns | connections | ! | connections that failed before they were established
TcpEstabResets | netns | connections | ! | established connections that were reset
TcpCurrEstab | netns | =connections | | connections established now
TcpInSegs | netns | segments | | segments received
TcpOutSegs | netns | segments | | segments sent, retransmissions excluded
TcpRetransSegs | netns | segments | ! | segments retransmitted: not acknowledged in time
TcpInErrs | netns | segments | ! | bad segments received
TcpOutRsts | netns | segments | ! | resets sent
TcpInCsumErrors | netns | segments | ! | TCP checksums that were wrong
UdpInDatagrams | netns | datagrams | | datagrams delivered to a socket
UdpOutDatagrams | netns | datagrams | | datagrams sent
UdpNoPorts | netns | datagrams | ! | datagrams to a port that nobody listens on
UdpInErrors | netns | datagrams | ! | datagrams that could not be delivered
UdpRcvbufErrors | netns | datagrams | ! | datagrams dropped: the socket's receive buffer is full
UdpSndbufErrors | netns | datagrams | ! | datagrams not sent: the send buffer is full
UdpInCsumErrors | netns | datagrams | ! | wrong UDP checksums (a tunnel's offload bug does this)
UdpMemErrors | netns | datagrams | ! | datagrams dropped: udp_mem reached
Ip6InReceives | netns | packets | | IPv6 packets received
Ip6InDelivers | netns | packets | | IPv6 packets delivered to a local protocol
Ip6OutRequests | netns | packets | | IPv6 packets sent by local protocols
Ip6OutForwDatagrams | netns | packets | | IPv6 packets forwarded for others
Ip6InHdrErrors | netns | packets | ! | IPv6 packets dropped for a bad header or hop limit
Ip6InTooBigErrors | netns | packets | ! | IPv6 packets to forward, too big for the next link: MTU
Ip6InNoRoutes | netns | packets | ! | IPv6 packets dropped: no route
Ip6InAddrErrors | netns | packets | ! | IPv6 packets dropped: not for an address here
Ip6InTruncatedPkts | netns | packets | ! | IPv6 packets shorter than they say
Ip6InDiscards | netns | packets | ! | received IPv6 packets dropped for lack of a resource
Ip6OutDiscards | netns | packets | ! | IPv6 packets to send dropped for lack of a resource
Ip6OutNoRoutes | netns | packets | ! | IPv6 packets to send dropped: no route
Ip6ReasmTimeout | netns | packets | ! | IPv6 fragments whose rest did not arrive in time
Ip6ReasmFails | netns | packets | ! | IPv6 packets that could not be put together
Ip6FragFails | netns | packets | ! | IPv6 packets that could not be split
Ip6InOctets | netns | bytes | | IPv6 bytes received
Ip6OutOctets | netns | bytes | | IPv6 bytes sent
Icmp6InMsgs | netns | messages | | ICMPv6 messages received
Icmp6OutMsgs | netns | messages | | ICMPv6 messages sent
Icmp6InErrors | netns | messages | ! | bad ICMPv6 messages received
Icmp6InDestUnreachs | netns | messages | ! | ICMPv6 'unreachable' answers received
Icmp6InPktTooBigs | netns | messages | ! | ICMPv6 'too big' received: a smaller MTU on the path
Icmp6OutPktTooBigs | netns | messages | ! | ICMPv6 'packet too big' sent
Icmp6InTimeExcds | netns | messages | ! | IPv6 hop limit ran out on the path
Icmp6InNeighborSolicits | netns | messages | | IPv6 neighbour lookups received
Icmp6OutNeighborSolicits | netns | messages | | IPv6 neighbour lookups sent
Udp6InDatagrams | netns | datagrams | | IPv6 datagrams delivered to a socket
Udp6OutDatagrams | netns | datagrams | | IPv6 datagrams sent
Udp6NoPorts | netns | datagrams | ! | IPv6 datagrams to a port that nobody listens on
Udp6InErrors | netns | datagrams | ! | IPv6 datagrams that could not be delivered
Udp6RcvbufErrors | netns | datagrams | ! | IPv6 datagrams dropped: the receive buffer is full
Udp6SndbufErrors | netns | datagrams | ! | IPv6 datagrams not sent: the send buffer is full
Udp6InCsumErrors | netns | datagrams | ! | IPv6 UDP checksums that were wrong
TcpExtSyncookiesSent | netns | cookies | ! | SYN cookies sent: the SYN queue was full
TcpExtSyncookiesRecv | netns | cookies | | valid SYN cookies that came back
TcpExtSyncookiesFailed | netns | cookies | ! | SYN cookies that were wrong
TcpExtEmbryonicRsts | netns | segments | ! | resets for connections that were still being opened
TcpExtPruneCalled | netns | events | ! | receive queue squeezed for lack of memory
TcpExtRcvPruned | netns | events | ! | receive queue dropped for lack of memory
TcpExtOfoPruned | netns | events | ! | out-of-order queue dropped for lack of memory
TcpExtLockDroppedIcmps | netns | messages | | ICMP ignored: the socket was busy
TcpExtTW | netns | sockets | | sockets that left TIME_WAIT by the clock
TcpExtTWRecycled | netns | sockets | | TIME_WAIT sockets reused for a new connection
TcpExtTWKilled | netns | sockets | | TIME_WAIT sockets cut short
TcpExtPAWSActive | netns | segments | ! | SYN answers refused for an old timestamp
TcpExtPAWSEstab | netns | segments | ! | segments refused for an old timestamp (NAT, clocks)
TcpExtPAWSTimewait | netns | segments | ! | the same, of connections in TIME-WAIT (since 6.14)
TcpExtDelayedACKs | netns | segments | | acknowledgements sent late on purpose
TcpExtDelayedACKLocked | netns | segments | | late acknowledgements later still: the socket was busy
TcpExtDelayedACKLost | netns | segments | | the peer retransmitted: our ACK was late or lost
TcpExtListenOverflows | netns | connections | ! | accept queue full: the program accepts too slowly
TcpExtListenDrops | netns | connections | ! | SYNs dropped by a listener, accept queue included
TcpExtTCPHPHits | netns | segments | | segments received on the fast path
TcpExtTCPPureAcks | netns | segments | | acknowledgements without data received
TcpExtTCPHPAcks | netns | segments | | acknowledgements received on the fast path
TcpExtTCPRenoRecovery | netns | events | ! | recoveries from loss without SACK
TcpExtTCPSackRecovery | netns | events | ! | recoveries from loss by SACK
TcpExtTCPSACKReneging | netns | events | ! | the peer discarded data acknowledged by SACK
TcpExtTCPSACKReorder | netns | events | ! | reordering seen by SACK
TcpExtTCPTSReorder | netns | events | | reordering seen by timestamps
TcpExtTCPFullUndo | netns | events | | a slow-down undone in full: nothing was lost
TcpExtTCPPartialUndo | netns | events | | a slow-down undone in part
TcpExtTCPDSACKUndo | netns | events | | a slow-down undone: the peer had everything twice
TcpExtTCPLossUndo | netns | events | | a timeout undone: nothing was lost
TcpExtTCPLostRetransmit | netns | segments | ! | a retransmission was lost as well: heavy loss
TcpExtTCPSackFailures | netns | events | ! | SACK recoveries that ended in a timeout
TcpExtTCPLossFailures | netns | events | ! | timeouts during loss recovery
TcpExtTCPFastRetrans | netns | segments | ! | fast retransmissions, on duplicate ACKs: light loss
TcpExtTCPSlowStartRetrans | netns | segments | ! | segments retransmitted after a timeout
TcpExtTCPTimeouts | netns | events | ! | retransmission timeouts: nothing came back for a whole RTO
TcpExtTCPLossProbes | netns | segments | ! | tail loss probes sent
TcpExtTCPLossProbeRecovery | netns | events | ! | losses found by a tail probe
TcpExtTCPBacklogDrop | netns | segments | ! | segments dropped: the socket's backlog is full
TcpExtTCPRcvQDrop | netns | segments | ! | segments dropped: the receive queue is full
TcpExtTCPOFODrop | netns | segments | ! | out-of-order segments dropped for lack of memory
TcpExtTCPOFOQueue | netns | segments | | segments that came out of order
TcpExtTCPDSACKOldSent | netns | segments | | data received twice, and said so
TcpExtTCPDSACKRecv | netns | segments | | the peer had it already: a spurious retransmission
TcpExtTCPDSACKOfoSent | netns | segments | | out-of-order data received twice
TcpExtTCPDSACKOfoRecv | netns | segments | | the peer had our out-of-order data twice
TcpExtTCPAbortOnData | netns | connections | ! | closed with data unread: reset
TcpExtTCPAbortOnClose | netns | connections | ! | closed while data was still coming: reset
TcpExtTCPAbortOnMemory | netns | connections | ! | aborted: tcp_mem or tcp_max_orphans reached
TcpExtTCPAbortOnTimeout | netns | connections | ! | given up after the last retry
TcpExtTCPAbortOnLinger | netns | connections | ! | aborted after the linger time
TcpExtTCPAbortFailed | netns | connections | ! | a reset could not be sent
TcpExtTCPMemoryPressures | netns | events | ! | TCP came under memory pressure
TcpExtTCPRetransFail | netns | segments | ! | could not be retransmitted: local route, qdisc
TcpExtTCPSpuriousRTOs | netns | events | | timeouts that were too early
TcpExtTCPSpuriousRtxHostQueues | netns | segments | ! | the first copy is still in this host's queue
TcpExtTCPOrigDataSent | netns | segments | | data segments sent for the first time
TcpExtTCPHystartTrainDetect | netns | events | | slow start ended by spacing
TcpExtTCPHystartDelayDetect | netns | events | | slow start ended by delay
TcpExtTCPSynRetrans | netns | segments | ! | SYN or SYN/ACK retransmitted: policy, dead peer
TcpExtTCPSYNChallenge | netns | segments | ! | challenge acknowledgements to a SYN
TcpExtTCPChallengeACK | netns | segments | ! | challenge acknowledgements sent
TcpExtTCPACKSkippedSynRecv | netns | segments | | acknowledgements not sent: rate limit
TcpExtTCPACKSkippedSeq | netns | segments | | acknowledgements not sent: rate limit, out of window
TcpExtTCPAutoCorking | netns | segments | | small segments held back to be joined
TcpExtTCPFromZeroWindowAdv | netns | segments | | receive window opened again
TcpExtTCPToZeroWindowAdv | netns | segments | ! | receive window closed: the program reads slowly
TcpExtTCPWantZeroWindowAdv | netns | segments | ! | receive window would have closed
TcpExtTCPZeroWindowDrop | netns | segments | ! | segments dropped: window closed
TcpExtTCPMTUPFail | netns | events | ! | MTU probes that failed
TcpExtTCPMTUPSuccess | netns | events | | MTU probes that succeeded
TcpExtTCPReqQFullDrop | netns | connections | ! | SYNs dropped: SYN queue full
TcpExtTCPReqQFullDoCookies | netns | connections | ! | SYN queue full: answered with cookies
TcpExtTCPTimeWaitOverflow | netns | sockets | ! | TIME_WAIT sockets over tcp_max_tw_buckets
TcpExtTCPMinTTLDrop | netns | segments | ! | segments dropped: TTL too small
TcpExtTCPKeepAlive | netns | segments | | keep-alive probes sent
TcpExtTCPDelivered | netns | segments | | segments known to have arrived
TcpExtTCPAckCompressed | netns | segments | | acknowledgements joined
TcpExtTCPRcvCoalesce | netns | segments | | received segments joined
TcpExtTCPRcvCollapsed | netns | segments | ! | received segments squeezed for lack of memory
TcpExtIPReversePathFilter | netns | packets | ! | packets dropped by rp_filter: asymmetric routing
TcpExtTCPMD5NotFound | netns | segments | ! | segments without the MD5 signature that is wanted
TcpExtTCPPLBRehash | netns | events | | flows moved to another path
TcpExtTcpTimeoutRehash | netns | events | ! | flows moved to another path after a timeout
TcpExtTcpDuplicateDataRehash | netns | events | | flows moved after duplicate data
TcpExtTCPWqueueTooBig | netns | events | ! | send queue too big to split
TcpExtTCPDSACKIgnoredDubious | netns | segments | | doubtful DSACKs ignored
TcpExtTCPDSACKRecvSegs | netns | segments | | segments that the peer had twice
conntrack_count | netns | =entries | | connections tracked in this network namespace
conntrack_max | global | =entries | | nf_conntrack_max: limit for each namespace's table
conntrack_buckets | global | =buckets | | nf_conntrack_buckets: more than a few entries each is slow
conntrack_found | netns | lookups | | lookups that matched at insertion
conntrack_invalid | netns | packets | ! | packets that could not be tracked
conntrack_insert_failed | netns | packets | ! | insertion failed on a clash: DNS and SNAT races
conntrack_drop | netns | packets | ! | packets dropped: table full, or a clash not resolved
conntrack_early_drop | netns | entries | ! | entries evicted to make room
conntrack_error | netns | packets | ! | ICMP or protocol errors
conntrack_search_restart | netns | lookups | | lookups started again
conntrack_clash_resolve | netns | packets | | clashes resolved without loss
conntrack_chaintoolong | netns | packets | ! | hash bucket too long: too few buckets
softnet_processed | node | packets | | packets processed by the CPUs
softnet_dropped | node | packets | ! | dropped: a CPU's backlog is full (netdev_max_backlog)
softnet_time_squeeze | node | events | ! | a CPU's packet budget ran out (netdev_budget)
softnet_flow_limit | node | packets | ! | dropped by the flow limit
arp_entries | node | =entries | | entries of the ARP table of the whole node
arp_res_failed | node | lookups | ! | neighbours that did not answer
arp_unresolved_discards | node | packets | ! | packets dropped while a neighbour was looked for
arp_table_fulls | node | events | ! | neighbour table overflow (gc_thresh3)
cpu_total | node | ticks | | CPU time of all kinds
cpu_idle | node | ticks | | CPU time idle, waiting for disks included
cpu_steal | node | ticks | ! | CPU time that the hypervisor gave to others
cpu_softirq | node | ticks | | CPU time in soft interrupts, packet processing above all
psi_cpu_some | node | microseconds | | time that some task waited for a CPU
psi_cpu_full | node | microseconds | | time that all tasks waited for a CPU
psi_memory_some | node | microseconds | ! | time that some task waited for memory
psi_memory_full | node | microseconds | ! | time that all tasks waited for memory
psi_io_some | node | microseconds | | time that some task waited for a disk
psi_io_full | node | microseconds | | time that all tasks waited for a disk
port_range_low | netns | =port | | ip_local_port_range: first port that a connection may be given
port_range_high | netns | =port | | ip_local_port_range: last port that a connection may be given
sock_tcp_inuse | netns | =sockets | | TCP sockets in use
sock_tcp_tw | netns | =sockets | | TCP sockets in TIME_WAIT
sock_tcp_orphan | node | =sockets | | TCP sockets without a program
sock_tcp_mem | node | =pages | | memory of all TCP sockets
sock_udp_inuse | netns | =sockets | | UDP sockets in use
sock_used | netns | =sockets | | sockets of every kind
"""
