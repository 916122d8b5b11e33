package template_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"seatmeter/infra/client"
	"seatmeter/infra/local"
	"seatmeter/infra/local/bootstrap"
	"seatmeter/infra/local/engine"
	"seatmeter/infra/local/tables"
	"seatmeter/infra/smoke"
	"seatmeter/shared/books"
	"seatmeter/shared/tenant"
)

// lastReleaseFile has the commit of the last release.
const lastReleaseFile = "last-release"

// release is one of the two whose functions run on the same data.
type release int

const (
	last release = iota
	present
)

func (r release) String() string { return [...]string{"the last release", "this release"}[r] }

// The rule that this test holds releases to is in infra/README.md.
func TestTwoReleasesWorkOnTheSameData(t *testing.T) {
	if testing.Short() || os.Getenv("SEATMETER_TEST_STORE") == "memory" {
		t.Skip("builds two releases, whose functions run on DynamoDB")
	}
	r := startReleases(t)
	for _, first := range []release{last, present} {
		for _, l := range []client.License{client.Concurrent(seatsOfTwo), client.Named(1, seatsOfTwo-1)} {
			t.Run(fmt.Sprintf("%s first, %s", first, l.Model), func(t *testing.T) {
				newMeeting(t, r, l).through(first, present-first)
			})
		}
	}
	t.Run("each answers every other call", func(t *testing.T) {
		var calls atomic.Int64
		r.pick(func() release { return release(calls.Add(1) % 2) })
		target := smoke.Target{HTTP: r.stack.Endpoints.HTTP, WebSocket: r.stack.Endpoints.WebSocket, Token: r.token}
		if err := smoke.Run(t.Context(), target, t.Output()); err != nil {
			t.Error(err)
		}
	})
}

// releases are a stack whose functions are those of two releases.
type releases struct {
	stack *local.Stack
	token string
	// starts has a function that starts a process, by release and name.
	starts [2]map[string]func() (*bootstrap.Process, error)

	mu      sync.Mutex
	next    func() release // says whose function is called next
	running []*bootstrap.Process
}

// pick sets what decides, from now on, whose function is called. Functions are called at
// any time: reconciliation after a refusal, for instance.
func (r *releases) pick(next func() release) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next = next
}

func (r *releases) pickOnly(of release) { r.pick(func() release { return of }) }

func (r *releases) picked() release {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.next()
}

func startReleases(t *testing.T) *releases {
	t.Helper()
	database, err := engine.Start(t.Context(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(database.Stop)
	secrets := httptest.NewServer(http.HandlerFunc(secretValue))
	t.Cleanup(secrets.Close)
	r := &releases{}
	r.pickOnly(present)
	o := local.Options{
		Template: templateFile, DataDir: filepath.Join(t.TempDir(), "data"), DynamoDBEndpoint: database.Endpoint,
		TablePrefix: "releases-" + rand.Text(), Temporary: true,
	}
	roots := [2]string{last: checkout(t), present: filepath.Dir(templateFile)}
	o.Functions = func(_ context.Context, env local.Environment) (map[string]local.Starter, error) {
		at := endpoints{database.Endpoint, secrets.URL, env.ConnectionsURL, env.WebSocketURL}
		for of, root := range roots {
			r.starts[of] = starts(t, root, tables.New(nil, o.TablePrefix, nil), at)
		}
		starters := map[string]local.Starter{}
		for name := range r.starts[present] {
			starters[name] = func() (lambda.Handler, error) { return &function{name: name, releases: r}, nil }
		}
		return starters, nil
	}
	t.Cleanup(func() {
		for _, process := range r.running {
			process.Stop()
		}
	})
	if r.stack, err = local.Start(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if err := r.stack.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	if r.token, err = r.stack.Issuer.Mint("vendor", "", time.Hour, time.Now()); err != nil {
		t.Fatal(err)
	}
	return r
}

// checkout has the files of the last release.
func checkout(t *testing.T) string {
	t.Helper()
	commit, err := os.ReadFile(lastReleaseFile)
	if err != nil {
		t.Fatal(err)
	}
	git := exec.CommandContext(t.Context(), "git", "archive", strings.TrimSpace(string(commit)))
	git.Dir = filepath.Dir(templateFile)
	var said bytes.Buffer
	git.Stderr = &said
	files, err := git.Output()
	if err != nil {
		t.Fatalf("the last release, commit %s (infra/template/%s), is not in this clone: git fetch --unshallow brings all commits: %v: %s",
			bytes.TrimSpace(commit), lastReleaseFile, err, &said)
	}
	into := t.TempDir()
	untar := exec.CommandContext(t.Context(), "tar", "-x", "-C", into)
	untar.Stdin = bytes.NewReader(files)
	if out, err := untar.CombinedOutput(); err != nil {
		t.Fatalf("unpack the last release: %v: %s", err, out)
	}
	return into
}

// starts builds a release. Each function gets the environment that the release's
// template gives it.
func starts(t *testing.T, root string, made tables.Tables, at endpoints) map[string]func() (*bootstrap.Process, error) {
	t.Helper()
	binaries := t.TempDir()
	if err := bootstrap.Build(t.Context(), root, binaries); err != nil {
		t.Fatal(err)
	}
	list := map[string]func() (*bootstrap.Process, error){}
	for name, of := range functionsOf(t, filepath.Join(root, filepath.Base(templateFile))) {
		given := environment(t, name, of, made, at)
		list[name] = func() (*bootstrap.Process, error) {
			return bootstrap.Start(filepath.Join(binaries, name), given, t.Output())
		}
	}
	return list
}

// function is an execution environment of a function, in each release.
type function struct {
	name      string
	releases  *releases
	processes [2]*bootstrap.Process
}

// Invoke implements lambda.Handler. What the last release does not have, a function or a
// path, this one does.
func (f *function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	of := f.releases.picked()
	if f.releases.starts[of][f.name] == nil {
		of = present
	}
	answer, err := f.invoke(ctx, of, payload)
	if of == last && bytes.Contains(answer, []byte("There is no such path.")) {
		return f.invoke(ctx, present, payload)
	}
	return answer, err
}

func (f *function) invoke(ctx context.Context, of release, payload []byte) ([]byte, error) {
	r := f.releases
	if f.processes[of] == nil {
		process, err := r.starts[of][f.name]()
		if err != nil {
			return nil, err
		}
		r.mu.Lock()
		r.running = append(r.running, process)
		r.mu.Unlock()
		f.processes[of] = process
	}
	return f.processes[of].Invoke(ctx, payload)
}

// seatsOfTwo are the seats of a meeting, under either model.
const seatsOfTwo = 4

// meeting is a tenant with one conference, that begins under one release and ends
// under the other.
type meeting struct {
	*testing.T
	*releases

	api        *client.Admin
	tenant     string
	license    client.License
	conference string
	in         map[string]*client.Participant
	tokens     map[string]string
	began      time.Time
}

func newMeeting(t *testing.T, r *releases, l client.License) *meeting {
	t.Helper()
	grace := 60
	l.ReconnectGraceSeconds = &grace
	return &meeting{
		T: t, releases: r, api: client.NewAdmin(r.stack.Endpoints.HTTP, r.token), license: l,
		tenant: "two-" + strings.ToLower(rand.Text()), began: time.Now().Add(-time.Minute),
		in: map[string]*client.Participant{}, tokens: map[string]string{},
	}
}

func (m *meeting) through(first, second release) {
	m.pickOnly(first)
	resume, cursor := m.begin()
	m.pickOnly(second)
	m.goOn(resume, cursor)
	m.end()
	m.pickOnly(first)
	m.again()
	var rows [2]client.UsageRow
	for _, of := range []release{first, second} {
		m.pickOnly(of)
		rows[of] = m.report(of)
	}
	if a, b := rows[last], rows[present]; a.SeatMillis != b.SeatMillis || a.Waited != b.Waited || a.EstimatedMillis != b.EstimatedMillis {
		m.Errorf("%v reports %+v, and %v %+v", last, a, present, b)
	}
	if _, off, err := books.CheckAll(m.Context(), m.stack.Store(), tenant.ID(m.tenant), time.Now()); err != nil || len(off) > 0 {
		m.Errorf("books that do not balance: %+v (%v)", off, err)
	}
}

// begin fills the meeting, with eve in the queue; fay has a token. It returns bob's
// resume token, and a cursor of the list of connections.
func (m *meeting) begin() (resume, cursor string) {
	m.Helper()
	must(m.api.PutLicense(m.Context(), m.tenant, m.license))(m, "put the license")
	if m.license.Model == client.ModelNamed {
		must(m.api.CreateHost(m.Context(), m.tenant, client.Host{Email: address("ada"), Name: "Ada"}))(m, "register the host")
	}
	m.conference = m.schedule()
	for _, name := range []string{"ada", "bob", "cid", "dan"} {
		told := m.join(name, client.DialOptions{})
		if told.Type != client.TypeAdmitted {
			m.Fatalf("%s is told %+v", name, told)
		}
		if name == "bob" {
			resume = told.ResumeToken
		}
	}
	_, err := m.dial("eve", client.DialOptions{})
	if refused, ok := errors.AsType[*client.Refused](err); !ok || refused.Status != http.StatusForbidden {
		m.Fatalf("without a free seat: %v, want 403", err)
	}
	if told := m.join("eve", client.DialOptions{Wait: true}); told.Type != client.TypeQueued {
		m.Fatalf("eve is told %+v, want to be queued", told)
	}
	m.token("fay")
	page := must(m.api.Connections(m.Context(), m.tenant, m.conference, client.Paging{Limit: 1}))(m, "list connections")
	return resume, page.NextCursor
}

// goOn: cid leaves to eve, bob comes back after a lost connection, and dan does not.
func (m *meeting) goOn(resume, cursor string) {
	m.Helper()
	page := must(m.api.Connections(m.Context(), m.tenant, m.conference, client.Paging{Cursor: cursor}))(m, "list connections")
	if len(page.Items) != seatsOfTwo-1 {
		m.Errorf("the other release's cursor leads to %+v", page.Items)
	}
	m.leave("cid")
	for told := (client.Message{}); told.Type != client.TypeAdmitted; {
		told = must(m.in["eve"].Next(m.within()))(m, "eve is admitted from the queue")
	}
	m.in["bob"].Abandon()
	m.await("bob's seat is held", func() bool { return m.seats().Held == 1 })
	if told := m.join("bob", client.DialOptions{Resume: resume}); told.Type != client.TypeAdmitted || m.seats().Held != 0 {
		m.Errorf("bob, who resumes, is told %+v", told)
	}
	*m.license.ReconnectGraceSeconds = 1
	must(m.api.PutLicense(m.Context(), m.tenant, m.license))(m, "change the license")
	before := m.seats().InUse
	m.in["dan"].Abandon()
	m.await("reconciliation gives dan's seat back", func() bool {
		if err := m.stack.Tick(m.within(), "reconcile"); err != nil {
			m.Fatalf("reconcile: %v", err)
		}
		return m.seats().InUse == before-1
	})
	if told := m.join("fay", client.DialOptions{}); told.Type != client.TypeAdmitted {
		m.Errorf("fay, whose token is the other release's, is told %+v", told)
	}
}

// end removes eve, and then everybody else.
func (m *meeting) end() {
	m.Helper()
	page := must(m.api.Connections(m.Context(), m.tenant, m.conference, client.Paging{}))(m, "list connections")
	for _, one := range page.Items {
		if one.Identity != address("eve") {
			continue
		}
		if err := m.api.RemoveConnection(m.Context(), m.tenant, one.ConnectionID); err != nil {
			m.Errorf("remove eve: %v", err)
		}
	}
	must(m.api.EndConference(m.Context(), m.tenant, m.conference))(m, "end the conference")
	m.await("all seats are free", func() bool { return m.seats().InUse == 0 })
}

// again is a second conference, with the same host.
func (m *meeting) again() {
	m.Helper()
	m.conference, m.tokens = m.schedule(), map[string]string{}
	if told := m.join("ada", client.DialOptions{}); told.Type != client.TypeAdmitted {
		m.Errorf("ada, who comes again, is told %+v", told)
	}
	m.leave("ada")
	m.await("all seats are free", func() bool { return m.seats().InUse == 0 })
	if err := m.stack.Tick(m.within(), "rollup"); err != nil {
		m.Errorf("rollup: %v", err)
	}
}

// doubled are people whom the last release counts twice, before the deployment is complete
// and after a roll-back: ada came under this release, which writes pseudonyms, and under the
// last one, which takes them for other people. This release counts her once. The exception
// ends with the next release.
const doubled = 1

// report checks what finance sees: six people and seven stays.
func (m *meeting) report(by release) (row client.UsageRow) {
	m.Helper()
	people := func(n int64) bool { return n == 6 || by == last && n == 6+doubled }
	m.await(by.String()+" reports all stays, refusals and people", func() bool {
		usage := must(m.api.Usage(m.Context(), m.tenant, client.UsageQuery{
			From: m.began, To: m.began.Add(time.Hour), Granularity: client.GranularityTotal,
		}))(m, "report")
		row = usage.Rows[0]
		return row.Joins == 7 && people(row.Identities) && row.Refused == 1 && row.Peak == seatsOfTwo && row.Closing == 0 && row.Conferences == 2
	}, &row)
	must(m.api.Ledger(m.Context(), m.tenant, m.began.UTC().Format("2006-01")))(m, "ledger")
	must(m.api.Audit(m.Context(), m.tenant, client.Paging{}))(m, "audit log")
	return row
}

func (m *meeting) schedule() string {
	m.Helper()
	made := must(m.api.CreateConference(m.Context(), m.tenant, client.Conference{Host: address("ada")}))(m, "schedule a conference")
	return made.Conference
}

// token makes a person's join token, once.
func (m *meeting) token(name string) string {
	m.Helper()
	if m.tokens[name] == "" {
		role := client.RoleParticipant
		if name == "ada" {
			role = client.RoleHost
		}
		made := must(m.api.CreateJoinToken(m.Context(), m.tenant, m.conference,
			client.JoinRequest{Identity: address(name), Role: role}))(m, "make a join token")
		m.tokens[name] = made.Token
	}
	return m.tokens[name]
}

func (m *meeting) dial(name string, o client.DialOptions) (*client.Participant, error) {
	m.Helper()
	return client.Dial(m.within(), m.stack.Endpoints.WebSocket, m.token(name), o)
}

// join connects, and returns the answer to status.
func (m *meeting) join(name string, o client.DialOptions) client.Message {
	m.Helper()
	p := must(m.dial(name, o))(m, name+" connects")
	m.Cleanup(p.Abandon)
	m.in[name] = p
	return must(p.Ask(m.within(), client.ActionStatus))(m, name+" asks for its status")
}

func (m *meeting) leave(name string) {
	m.Helper()
	if err := m.in[name].CloseClean(); err != nil {
		m.Fatalf("%s leaves: %v", name, err)
	}
}

func (m *meeting) seats() client.Seats {
	m.Helper()
	return must(m.api.Seats(m.Context(), m.tenant))(m, "read the seats")
}

func (m *meeting) within() context.Context {
	ctx, cancel := context.WithTimeout(m.Context(), patience)
	m.Cleanup(cancel)
	return ctx
}

// await waits until something is so.
func (m *meeting) await(what string, so func() bool, seen ...*client.UsageRow) {
	m.Helper()
	deadline, tick := time.NewTimer(patience), time.NewTicker(100*time.Millisecond)
	defer deadline.Stop()
	defer tick.Stop()
	for !so() {
		select {
		case <-deadline.C:
			for _, row := range seen {
				m.Logf("%+v", *row)
			}
			m.Fatalf("not so within %v: %s", patience, what)
		case <-tick.C:
		}
	}
}

// must returns a function that returns the value, or ends the test if there is an error.
func must[T any](value T, err error) func(t *meeting, what string) T {
	return func(t *meeting, what string) T {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return value
	}
}

func address(name string) string { return name + "@example.com" }
