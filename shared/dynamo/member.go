package dynamo

import (
	"encoding/binary"
	"fmt"

	"seatmeter/shared/conference"
	"seatmeter/shared/seat"
)

// The highest bits of a member's first 48 are flags: no time needs them.
const (
	joinedBytes = 6
	markBytes   = 2

	flagLost     = 1 << 47
	flagHost     = 1 << 46
	flagTookOver = 1 << 45
	timeMask     = seat.MaxMillis
)

// encodeMember packs a member into the fewest bytes: 48 bits of three flags and
// the time of joining, 16 bits of the mark, and a varint of the conference's
// number. A held seat has the hold's start and seconds in place of the time and
// the mark, so its size stays the same. Text of the same content would push a
// full block over 1 KB. A lease follows, as two varints: from the join until its last
// renewal, and its seconds. So a member's bytes without its lease begin those with it.
func encodeMember(m seat.Member) []byte {
	first, second := uint64(m.JoinedAtMillis), m.Mark //nolint:gosec // after 1970
	if m.Held() {
		first, second = uint64(m.Hold.LostAtMillis)|flagLost, uint16(m.Hold.Seconds) //nolint:gosec // at most 300
	}
	if m.Host {
		first |= flagHost
	}
	if m.TookOver {
		first |= flagTookOver
	}
	packed := binary.BigEndian.AppendUint64(nil, first)
	packed = binary.BigEndian.AppendUint16(packed[8-joinedBytes:], second)
	packed = binary.AppendUvarint(packed, uint64(m.Conference)) //nolint:gosec // never negative
	if m.Leased() {
		packed = binary.AppendVarint(packed, m.Lease.RenewedAtMillis-m.JoinedAtMillis)
		packed = binary.AppendUvarint(packed, uint64(m.Lease.Seconds)) //nolint:gosec // never negative
	}
	return packed
}

func decodeMember(packed []byte) (seat.Member, error) {
	if len(packed) <= joinedBytes+markBytes {
		return seat.Member{}, fmt.Errorf("member of %d bytes", len(packed))
	}
	var bits [8]byte
	copy(bits[8-joinedBytes:], packed[:joinedBytes])
	first, second := binary.BigEndian.Uint64(bits[:]), binary.BigEndian.Uint16(packed[joinedBytes:])
	number, n := binary.Uvarint(packed[joinedBytes+markBytes:])
	if n <= 0 {
		return seat.Member{}, fmt.Errorf("member without a conference")
	}
	at := int64(first & timeMask)
	m := seat.Member{Conference: conference.Number(number), Host: first&flagHost != 0, TookOver: first&flagTookOver != 0} //nolint:gosec // written from a Number
	if first&flagLost != 0 {
		m.Hold = seat.Hold{LostAtMillis: at, Seconds: int(second)}
		return m, nil
	}
	m.JoinedAtMillis, m.Mark = at, second
	lease := packed[joinedBytes+markBytes+n:]
	if len(lease) == 0 {
		return m, nil
	}
	after, n := binary.Varint(lease)
	seconds, rest := binary.Uvarint(lease[max(n, 0):])
	if n <= 0 || rest <= 0 || seconds > seat.MaxLeaseSeconds {
		return seat.Member{}, fmt.Errorf("member with a lease that is none")
	}
	m.Lease = seat.Lease{RenewedAtMillis: at + after, Seconds: int(seconds)}
	return m, nil
}
