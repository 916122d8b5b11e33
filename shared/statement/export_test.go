package statement

import "testing"

// AsOfRules1 is a statement as the first version of the rules would have sealed it.
func AsOfRules1(t *testing.T, sealed Sealed) Sealed {
	t.Helper()
	s, err := sealed.Open()
	if err != nil {
		t.Fatal(err)
	}
	s.Rules, s.SHA256, s.Segments = "1", "", nil
	for _, f := range append([]*Figures{&s.Totals}, pointers(s.Days)...) {
		f.SeatMinutes = f.SeatMinutes[:len(f.SeatMinutes)-1]
		f.PeakHosts, f.PeakParticipants = nil, nil
	}
	again, err := seal(s, sealed.ClosedAt.UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func pointers(list []Figures) []*Figures {
	all := make([]*Figures, len(list))
	for i := range list {
		all[i] = &list[i]
	}
	return all
}
