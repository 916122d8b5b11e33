import java.time.OffsetDateTime;
import java.util.List;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.ConferencesApi;
import org.openapitools.client.api.LicensesApi;
import org.openapitools.client.api.SeatsForServersApi;
import org.openapitools.client.api.StatementsApi;
import org.openapitools.client.api.UsageApi;
import org.openapitools.client.model.LedgerRecord;
import org.openapitools.client.model.LicenseBody;
import org.openapitools.client.model.LicenseView;
import org.openapitools.client.model.PageLedgerRecord;
import org.openapitools.client.model.Problem;
import org.openapitools.client.model.RefusalRecord;
import org.openapitools.client.model.RenewManyBody;
import org.openapitools.client.model.RowView;
import org.openapitools.client.model.ScheduleBody;
import org.openapitools.client.model.SeatBody;
import org.openapitools.client.model.SeatStateView;
import org.openapitools.client.model.Statement;
import org.openapitools.client.model.StayRecord;

/** Calls a running API through the client that OpenAPI Generator makes of its OpenAPI document. */
public final class Calls {
    private static final String TENANT = "java";

    private final ApiClient client = new ApiClient();

    private Calls() {
        client.setBasePath(System.getenv("SEATMETER_HTTP"));
        client.setBearerToken(System.getenv("VENDOR"));
    }

    public static void main(String[] args) throws Exception {
        Calls calls = new Calls();
        calls.license();
        calls.missing();
        calls.statements();
        calls.servers();
        calls.usage(OffsetDateTime.parse(System.getenv("FROM")), OffsetDateTime.parse(System.getenv("TO")));
    }

    private static void want(String what, Object is, Object wanted) {
        if (!wanted.equals(is)) {
            throw new IllegalStateException(what + ": " + is + ", want " + wanted);
        }
    }

    private void license() throws Exception {
        LicensesApi api = new LicensesApi(client);
        LicenseBody body = new LicenseBody().model(LicenseBody.ModelEnum.CONCURRENT).seats(25L);
        want("the license written", api.putLicense(TENANT, body, null, null, null).getSeats(), 25L);
        LicenseView read = api.getLicense(TENANT, null, null);
        want("the license read", read.getTenant(), TENANT);
        String more = read.toJson().replaceFirst("\\{", "{\"a_member_of_tomorrow\":1,");
        want("a license with one member more", LicenseView.fromJson(more).getSeats(), 25L);
    }

    private void missing() throws Exception {
        try {
            new LicensesApi(client).getLicense("nobody", null, null);
            throw new IllegalStateException("a tenant that is not there has a license");
        } catch (ApiException refused) {
            want("the problem", Problem.fromJson(refused.getResponseBody()).getCode(), Problem.CodeEnum.NOT_FOUND);
        }
    }

    private void statements() throws Exception {
        want("statements", new StatementsApi(client).listStatements(TENANT, null, null).getItems().size(), 0);
        Statement first = Statement.fromJson(System.getenv("FIRST_STATEMENT"));
        want("the revision of a first statement", first.getRevision(), 1L);
    }

    /** A conference server takes a seat, renews it and releases it. The generator knows one answer of a call, so nothing waits. */
    private void servers() throws Exception {
        String tenant = "java-servers";
        String conference = "calls";
        new LicensesApi(client).putLicense(tenant, new LicenseBody().model(LicenseBody.ModelEnum.CONCURRENT).seats(1L), null, null, null);
        new ConferencesApi(client).scheduleConference(tenant, new ScheduleBody().conference(conference).host("ann@example.com"), null);
        ApiClient ofServer = new ApiClient();
        ofServer.setBasePath(System.getenv("SEATMETER_HTTP"));
        ofServer.setBearerToken(System.getenv("SERVER"));
        SeatsForServersApi api = new SeatsForServersApi(ofServer);
        String seat = api.takeSeat(tenant, conference, new SeatBody().identity("bob").role(SeatBody.RoleEnum.PARTICIPANT).ttlSeconds(60L), null).getSeat();
        want("the seat renewed", api.renewSeat(tenant, seat, null).getSeat(), seat);
        want("the seats renewed", api.renewSeats(tenant, new RenewManyBody().seats(List.of(seat)), null).getRenewed(), List.of(seat));
        want("the state", api.getSeat(tenant, seat).getState(), SeatStateView.StateEnum.ADMITTED);
        api.releaseSeat(tenant, seat);
        try {
            api.getSeat(tenant, seat);
            throw new IllegalStateException("a seat that was released is there");
        } catch (ApiException refused) {
            want("the problem", Problem.fromJson(refused.getResponseBody()).getCode(), Problem.CodeEnum.SEAT_LAPSED);
        }
    }

    private void usage(OffsetDateTime from, OffsetDateTime to) throws Exception {
        UsageApi api = new UsageApi(client);
        long joins = 0;
        for (RowView row : api.getUsage("acme", from, to, null, "total", "conference", null, "json").getRows()) {
            joins += row.getGroup().equals(System.getenv("CONFERENCE")) ? row.getJoins() : 0;
        }
        want("joins", joins, 30L);
        int stays = 0;
        int refusals = 0;
        String cursor = null;
        do {
            PageLedgerRecord page = api.getLedger("acme", from, to, null, 20L, cursor, "json");
            for (LedgerRecord record : page.getItems()) {
                if (record.getActualInstance() instanceof StayRecord) {
                    stays += record.getStayRecord().getEnd() == StayRecord.EndEnum.CLOSED ? 1 : 0;
                } else {
                    refusals += ((RefusalRecord) record.getActualInstance()).getCode().equals("seats_exhausted") ? 1 : 0;
                }
            }
            cursor = page.getNextCursor();
        } while (cursor != null);
        want("stays", stays, 30);
        want("refusals", refusals, 5);
    }
}
