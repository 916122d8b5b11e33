// Generated from the OpenAPI document by `npm run types`.
export interface paths {
    "/v1/statements": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["close-periods"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/statements/{period}/closing": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list-closings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list-tenants"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["get-tenant"];
        put?: never;
        post?: never;
        delete: operations["delete-tenant"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list-actions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/conferences": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list-conferences"];
        put?: never;
        post: operations["schedule-conference"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/conferences/{conference}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["get-conference"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch: operations["change-conference"];
        trace?: never;
    };
    "/v1/tenants/{tenant}/conferences/{conference}/connections": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list-connections"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/conferences/{conference}/connections/{connection}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete: operations["remove-connection-of-conference"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/conferences/{conference}/end": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["end-conference"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/conferences/{conference}/join-tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["create-join-token"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/conferences/{conference}/participants/{identity}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete: operations["remove-participant"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/conferences/{conference}/queue": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list-queue"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/conferences/{conference}/queue/{connection}/first": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["put-waiter-first"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/conferences/{conference}/seats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["take-seat"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/conferences/{conference}/seats/renew": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["renew-seats-of-conference"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/conferences/{conference}/seats/{seat}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["get-seat-of-conference"];
        put: operations["renew-seat-of-conference"];
        post?: never;
        delete: operations["release-seat-of-conference"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/connections/{connection}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete: operations["remove-connection"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["export-tenant"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/hosts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list-hosts"];
        put?: never;
        post: operations["create-host"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/hosts/{email}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["get-host"];
        put?: never;
        post?: never;
        delete: operations["delete-host"];
        options?: never;
        head?: never;
        patch: operations["change-host"];
        trace?: never;
    };
    "/v1/tenants/{tenant}/ledger": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["get-ledger"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/license": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["get-license"];
        put: operations["put-license"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/license/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["get-license-history"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/people/{identity}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete: operations["erase-person"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["restore-tenant"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/seats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["get-seats"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/seats/renew": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["renew-seats"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/seats/{seat}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["get-seat"];
        put: operations["renew-seat"];
        post?: never;
        delete: operations["release-seat"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/statements": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list-statements"];
        put?: never;
        post: operations["close-period"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/statements/{period}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["get-statement"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/statements/{period}/closing": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["get-closing"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["get-usage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/usage/peaks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["get-peak"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/usage/refusals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list-refusals"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/usage/sizing": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["get-sizing"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list-webhooks"];
        put?: never;
        post: operations["create-webhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/webhooks/{webhook}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["get-webhook"];
        put?: never;
        post?: never;
        delete: operations["delete-webhook"];
        options?: never;
        head?: never;
        patch: operations["change-webhook"];
        trace?: never;
    };
    "/v1/tenants/{tenant}/webhooks/{webhook}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list-deliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/webhooks/{webhook}/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["rotate-webhook-secret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}/webhooks/{webhook}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post: operations["test-webhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list-usage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        ActionView: {
            action: string;
            at: string;
            by: string;
            changes: components["schemas"]["ChangeView"][];
            code?: string;
            conference?: string;
            connection?: string;
            host?: string;
            identity?: string;
            outcome: "done" | "refused" | "failed" | "unknown";
            period?: string;
            reason?: string;
            request_id: string;
            role: "vendor" | "tenant_admin" | "finance" | "seatmeter";
            webhook?: string;
        };
        Adjustment: {
            conferences: number;
            estimated_ms: number;
            hosts: number;
            identities: number;
            joins: number;
            overage_ms: number;
            peak: number;
            refused: number;
            seat_ms: number;
        };
        ChangeConferenceBody: {
            conference?: string;
            created_at?: string;
            ended_at?: string;
            host?: string;
            live_at?: string;
            starts_at?: string;
            state?: "scheduled" | "live" | "ended";
            title?: string;
        };
        ChangeHostBody: {
            active?: boolean;
            created_at?: string;
            email?: string;
            name?: string;
        };
        ChangeView: {
            from: unknown;
            member: string;
            to: unknown;
        };
        ChangeWebhookBody: {
            description?: string;
            status?: "active" | "disabled";
            types?: string[];
            url?: string;
        };
        ClosingProblem: {
            code: string;
            detail: string;
            errors: components["schemas"]["Field"][];
        };
        ClosingView: {
            days: number;
            days_done: number;
            period: string;
            problem?: components["schemas"]["ClosingProblem"];
            revision?: number;
            state: "none" | "running" | "done" | "failed" | "not_due";
            tenant: string;
        };
        ClosingsPageView: {
            asked_at?: string;
            asked_by?: string;
            items: components["schemas"]["ClosingView"][];
            next_cursor: string | null;
            period: string;
            state: "none" | "running" | "done";
            tenants: number;
            tenants_done: number;
            tenants_failed: number;
            tenants_not_due: number;
        };
        ClosingsView: {
            asked_at?: string;
            asked_by?: string;
            period: string;
            state: "none" | "running" | "done";
            tenants: number;
            tenants_done: number;
            tenants_failed: number;
            tenants_not_due: number;
        };
        ConferenceSeatsView: {
            conference: string;
            host: string;
            in_use: number;
            limit: number;
            waiting?: number;
        };
        ConferenceView: {
            conference: string;
            created_at: string;
            ended_at?: string;
            host: string;
            live_at?: string;
            starts_at?: string;
            state: "scheduled" | "live" | "ended";
            title?: string;
        };
        ConnectionView: {
            conference: string;
            connected_at: string;
            connection_id: string;
            identity: string;
            joined_at: string;
            kind: "websocket" | "server";
            role: "host" | "participant";
        };
        DeliveryView: {
            at: string;
            attempts: number;
            detail?: string;
            event: string;
            last_attempt_at?: string;
            next_attempt_at?: string;
            response_status?: number;
            state: "pending" | "delivered" | "failed";
            took_ms?: number;
            type: string;
        };
        Field: {
            detail: string;
            pointer: string;
        };
        Figures: {
            conferences: number;
            estimated_ms: number;
            from: string;
            hosts: number;
            identities: number;
            joins: number;
            overage_ms: number;
            peak: number;
            peak_at: string | null;
            peak_hosts?: number;
            peak_participants?: number;
            refusals: {
                [key: string]: number;
            };
            refused: number;
            seat_minutes?: string;
            seat_ms: number;
            to: string;
        };
        GatewayMessage: {
            message: string;
        };
        HolderView: {
            conference: string;
            connection: string;
            estimated: boolean;
            host: string;
            identity: string;
            joined_at: string;
            left_at: string | null;
            limit: number | null;
            pool: "tenant" | "conference" | "chair";
            role: "host" | "participant";
        };
        HostBody: {
            email: string;
            name?: string;
        };
        HostChangesView: {
            allowed: number;
            made: number;
            month: string;
            unused_slots: number;
        };
        HostSlotsView: {
            allowed: number;
            used: number;
        };
        HostView: {
            active: boolean;
            created_at: string;
            email: string;
            name: string;
        };
        LedgerRecord: components["schemas"]["StayRecord"] | components["schemas"]["RefusalRecord"] | components["schemas"]["WaitRecord"];
        LicenseBody: {
            alert_percents?: number[] | null;
            allowed_origins?: string[] | null;
            burst?: number;
            estimated_end_within_minutes?: number;
            expires_at?: string;
            host_absent_minutes?: number;
            host_changes_follow_hosts?: boolean;
            host_changes_per_month?: number;
            hosts?: number;
            model: "named" | "concurrent";
            overage?: "deny" | "allow";
            participants_per_conference?: number;
            queue_limit?: number;
            reconnect_grace_seconds?: number;
            seats?: number;
            starts_at?: string;
            status?: "active" | "suspended";
            tenant?: string;
            time_zone?: string;
        };
        LicenseView: {
            alert_percents?: number[] | null;
            allowed_origins?: string[] | null;
            burst?: number;
            estimated_end_within_minutes?: number;
            expires_at?: string;
            host_absent_minutes?: number;
            host_changes_follow_hosts?: boolean;
            host_changes_per_month?: number;
            hosts?: number;
            model: "named" | "concurrent";
            overage?: "deny" | "allow";
            participants_per_conference?: number;
            queue_limit?: number;
            reconnect_grace_seconds?: number;
            seats?: number;
            starts_at?: string;
            status?: "active" | "suspended";
            tenant: string;
            time_zone?: string;
        };
        PageActionView: {
            items: components["schemas"]["ActionView"][];
            next_cursor: string | null;
        };
        PageConferenceView: {
            items: components["schemas"]["ConferenceView"][];
            next_cursor: string | null;
        };
        PageConnectionView: {
            items: components["schemas"]["ConnectionView"][];
            next_cursor: string | null;
        };
        PageDeliveryView: {
            items: components["schemas"]["DeliveryView"][];
            next_cursor: string | null;
        };
        PageHostView: {
            items: components["schemas"]["HostView"][];
            next_cursor: string | null;
        };
        PageLedgerRecord: {
            items: components["schemas"]["LedgerRecord"][];
            next_cursor: string | null;
        };
        PageRefusalView: {
            items: components["schemas"]["RefusalView"][];
            next_cursor: string | null;
        };
        PageRevisionView: {
            items: components["schemas"]["RevisionView"][];
            next_cursor: string | null;
        };
        PageStatementView: {
            items: components["schemas"]["StatementView"][];
            next_cursor: string | null;
        };
        PageTenantView: {
            items: components["schemas"]["TenantView"][];
            next_cursor: string | null;
        };
        PageWaiterView: {
            items: components["schemas"]["WaiterView"][];
            next_cursor: string | null;
        };
        PageWebhookView: {
            items: components["schemas"]["WebhookView"][];
            next_cursor: string | null;
        };
        PeakView: {
            from: string;
            items: components["schemas"]["HolderView"][];
            limit: number | null;
            next_cursor: string | null;
            peak: number;
            peak_at: string | null;
            tenant: string;
            to: string;
        };
        Problem: {
            code: "already_exists" | "conference_ended" | "conference_not_live" | "forbidden" | "host_busy" | "host_changes_exhausted" | "hosts_exhausted" | "internal" | "invalid" | "license_expired" | "license_suspended" | "method_not_allowed" | "not_acceptable" | "not_found" | "participants_exhausted" | "precondition_failed" | "rate_limited" | "seat_lapsed" | "seats_exhausted" | "token_invalid" | "unavailable" | "unsupported_media_type";
            conference?: string;
            detail?: string;
            errors?: components["schemas"]["Field"][];
            in_use?: number;
            limit?: number;
            request_id?: string;
            status: number;
            title: string;
            type: string;
        };
        RefusalRecord: {
            at: string;
            code: string;
            conference: string;
            connection: string;
            host: string;
            identity: string;
            in_use?: number;
            kind: "refusal";
            limit?: number;
            number: number;
            pool?: "tenant" | "conference";
            role: "host" | "participant";
            tenant: string;
        };
        RefusalView: {
            at: string;
            code: string;
            conference: string;
            connection: string;
            held_by: components["schemas"]["HolderView"][];
            holders: number;
            host: string;
            identity: string;
            in_use: number | null;
            limit: number | null;
            role: "host" | "participant";
        };
        RenewBody: {
            ttl_seconds?: number;
        };
        RenewManyBody: {
            seats: string[];
            ttl_seconds?: number;
        };
        RenewedManyView: {
            expires_at?: string;
            lapsed: string[];
            queued?: string[];
            renewed: string[];
        };
        RenewedView: {
            expires_at: string;
            position?: number;
            seat: string;
        };
        RevisionView: {
            alert_percents?: number[] | null;
            allowed_origins?: string[] | null;
            burst?: number;
            changed_at: string;
            changed_by: string;
            changes: components["schemas"]["ChangeView"][];
            estimated_end_within_minutes?: number;
            expires_at?: string;
            host_absent_minutes?: number;
            host_changes_follow_hosts?: boolean;
            host_changes_per_month?: number;
            hosts?: number;
            model: "named" | "concurrent";
            overage?: "deny" | "allow";
            participants_per_conference?: number;
            queue_limit?: number;
            reconnect_grace_seconds?: number;
            revision: number;
            seats?: number;
            starts_at?: string;
            status?: "active" | "suspended";
            tenant: string;
            time_zone?: string;
        };
        RowView: {
            abandoned: number;
            at_limit_ms: number | null;
            closing: number;
            conferences: number;
            denied_identities: number;
            estimated_ms: number;
            from: string;
            group: string;
            hosts: number;
            identities: number;
            joins: number;
            opening: number;
            overage_ms: number | null;
            p95: number;
            p99: number;
            peak: number;
            peak_at: string | null;
            peak_hosts: number;
            peak_participants: number;
            provisional?: boolean;
            refusals: {
                [key: string]: number;
            };
            refused: number;
            refused_identities: number;
            seat_minutes: string;
            seat_ms: number;
            tenant: string;
            to: string;
            wait_ms: number;
            waited: number;
        };
        ScheduleBody: {
            conference?: string;
            host: string;
            starts_at?: string;
            title?: string;
        };
        SeatBody: {
            identity: string;
            role: "host" | "participant";
            ttl_seconds?: number;
            wait?: boolean;
        };
        SeatStateView: {
            conference: string;
            expires_at: string;
            in_use?: number;
            limit?: number;
            position?: number;
            seat: string;
            since?: string;
            state: "queued" | "admitted";
        };
        SeatView: {
            conference: string;
            expires_at: string;
            in_use: number;
            limit: number;
            seat: string;
        };
        SeatsView: {
            conferences: components["schemas"]["ConferenceSeatsView"][];
            held: number;
            host_changes?: components["schemas"]["HostChangesView"];
            hosts?: components["schemas"]["HostSlotsView"];
            in_use: number;
            limit?: number;
            model: "named" | "concurrent";
            tenant: string;
            waiting: number;
        };
        Segment: {
            from: string;
            hosts: number;
            limit: number;
            model: "named" | "concurrent";
            overage_ms: number;
            peak: number;
            seat_ms: number;
            to: string;
        };
        SizeView: {
            at_limit_ms: number;
            people: number;
            refusals: number;
            seats: number;
        };
        SizingView: {
            as_of: string;
            from: string;
            joins: number;
            limit: number;
            median_stay_ms: number;
            model: "named" | "concurrent";
            people: number;
            recommended: number | null;
            rows: components["schemas"]["SizeView"][];
            tenant: string;
            to: string;
        };
        Statement: {
            adjustment?: components["schemas"]["Adjustment"];
            closed_at: string;
            corrections: components["schemas"]["Figures"][];
            corrects: number;
            days: components["schemas"]["Figures"][];
            difference?: components["schemas"]["Adjustment"];
            from: string;
            licenses: components["schemas"]["Terms"][];
            period: string;
            records: number;
            revision: number;
            rounding: string;
            rule_version: string;
            segments?: components["schemas"]["Segment"][];
            sha256?: string;
            stale?: boolean;
            tenant: string;
            time_zone: string;
            to: string;
            totals: components["schemas"]["Figures"];
        };
        StatementBody: {
            period: string;
        };
        StatementView: {
            closed_at: string;
            difference?: components["schemas"]["Adjustment"];
            period: string;
            revision: number;
            sha256: string;
            stale: boolean;
        };
        StayRecord: {
            block: number;
            conference: string;
            connection: string;
            end: "closed" | "going_away" | "left" | "dropped" | "resumed" | "vanished" | "removed" | "conference_ended";
            estimated: boolean;
            host: string;
            identity: string;
            in_use?: number;
            joined_at: string;
            kind: "stay";
            left_at: string;
            limit: number;
            number: number;
            pool: "tenant" | "conference" | "chair";
            resumed: boolean;
            role: "host" | "participant";
            seat: number;
            stay: string;
            tenant: string;
        };
        TenantUsageView: {
            abandoned: number;
            at_limit_ms: number | null;
            closing: number;
            conferences: number;
            denied_identities: number;
            estimated_ms: number;
            from: string;
            group: string;
            hosts: number;
            identities: number;
            joins: number;
            license?: components["schemas"]["TermsView"];
            opening: number;
            overage_ms: number | null;
            p95: number;
            p99: number;
            peak: number;
            peak_at: string | null;
            peak_hosts: number;
            peak_participants: number;
            provisional?: boolean;
            refusals: {
                [key: string]: number;
            };
            refused: number;
            refused_identities: number;
            seat_minutes: string;
            seat_ms: number;
            tenant: string;
            to: string;
            wait_ms: number;
            waited: number;
        };
        TenantView: {
            deleting_at?: string;
            expires_at?: string;
            hosts?: number;
            in_use: number;
            limit: number;
            model: "named" | "concurrent";
            status: "active" | "suspended";
            tenant: string;
        };
        TenantsUsageView: {
            as_of: string;
            items: components["schemas"]["TenantUsageView"][];
            next_cursor: string | null;
            period: string;
        };
        Terms: {
            burst: number;
            expires_at: string | null;
            from: string;
            hosts: number;
            model: "named" | "concurrent";
            overage: "deny" | "allow";
            participants_per_conference: number;
            revision: number;
            seats: number;
            starts_at: string | null;
            status: "active" | "suspended";
            time_zone: string;
        };
        TermsView: {
            hosts: number | null;
            limit: number;
            model: "named" | "concurrent";
            revision: number;
            time_zone: string;
        };
        TokenBody: {
            expires_in_seconds?: number;
            identity: string;
            role: "host" | "participant";
        };
        TokenView: {
            expires_at: string;
            token: string;
            url: string;
        };
        UsageView: {
            as_of: string;
            granularity: "quarter_hour" | "hour" | "day" | "month" | "total";
            rounding: string;
            rows: components["schemas"]["RowView"][];
            tenant: string;
            time_zone: string;
            total?: components["schemas"]["RowView"];
        };
        WaitRecord: {
            conference: string;
            connection: string;
            host: string;
            identity: string;
            kind: "wait";
            number: number;
            outcome: "admitted" | "left" | "gone";
            role: "host" | "participant";
            since: string;
            tenant: string;
            until: string;
        };
        WaiterView: {
            connection: string;
            identity: string;
            position: number;
            since: string;
        };
        WebhookBody: {
            description?: string;
            types: string[];
            url: string;
        };
        WebhookSecretView: {
            created_at: string;
            description?: string;
            failing_since?: string;
            secret: string;
            status: "active" | "disabled" | "failed";
            types: string[];
            url: string;
            webhook: string;
        };
        WebhookView: {
            created_at: string;
            description?: string;
            failing_since?: string;
            status: "active" | "disabled" | "failed";
            types: string[];
            url: string;
            webhook: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    "close-periods": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["StatementBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClosingsView"];
                };
            };
            202: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClosingsView"];
                };
            };
        };
    };
    "list-closings": {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path: {
                period: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClosingsPageView"];
                };
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "list-tenants": {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageTenantView"];
                };
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "get-tenant": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                tenant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TenantView"];
                };
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "delete-tenant": {
        parameters: {
            query?: {
                after_days?: number;
            };
            header?: never;
            path: {
                tenant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TenantView"];
                };
            };
        };
    };
    "list-actions": {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
                from?: string;
                to?: string;
            };
            header?: never;
            path: {
                tenant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageActionView"];
                };
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "list-conferences": {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
                state?: "scheduled" | "live" | "ended";
            };
            header?: never;
            path: {
                tenant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageConferenceView"];
                };
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "schedule-conference": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                tenant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ScheduleBody"];
            };
        };
        responses: {
            201: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConferenceView"];
                };
            };
        };
    };
    "get-conference": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                tenant: string;
                conference: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConferenceView"];
                };
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "change-conference": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                tenant: string;
                conference: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChangeConferenceBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConferenceView"];
                };
            };
        };
    };
    "list-connections": {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path: {
                tenant: string;
                conference: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageConnectionView"];
                };
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "remove-connection-of-conference": {
        parameters: {
            query?: {
                reason?: string;
            };
            header?: never;
            path: {
                tenant: string;
                conference: string;
                connection: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "end-conference": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                tenant: string;
                conference: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConferenceView"];
                };
            };
        };
    };
    "create-join-token": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                tenant: string;
                conference: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TokenBody"];
            };
        };
        responses: {
            201: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenView"];
                };
            };
        };
    };
    "remove-participant": {
        parameters: {
            query?: {
                reason?: string;
            };
            header?: never;
            path: {
                tenant: string;
                conference: string;
                identity: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "list-queue": {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path: {
                tenant: string;
                conference: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageWaiterView"];
                };
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "put-waiter-first": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                tenant: string;
                conference: string;
                connection: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WaiterView"];
                };
            };
        };
    };
    "take-seat": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                tenant: string;
                conference: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SeatBody"];
            };
        };
        responses: {
            201: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SeatView"];
                };
            };
            202: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SeatStateView"];
                };
            };
        };
    };
    "renew-seats-of-conference": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                tenant: string;
                conference: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RenewManyBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RenewedManyView"];
                };
            };
        };
    };
    "get-seat-of-conference": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                tenant: string;
                conference: string;
                seat: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SeatStateView"];
                };
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "renew-seat-of-conference": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                tenant: string;
                conference: string;
                seat: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["RenewBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RenewedView"];
                };
            };
        };
    };
    "release-seat-of-conference": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                tenant: string;
                conference: string;
                seat: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "remove-connection": {
        parameters: {
            query?: {
                reason?: string;
            };
            header?: never;
            path: {
                tenant: string;
                connection: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "export-tenant": {
        parameters: {
            query?: {
                from?: string;
                to?: string;
            };
            header?: never;
            path: {
                tenant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "Content-Disposition"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": string;
                };
            };
            303: {
                headers: {
                    Location?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "list-hosts": {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path: {
                tenant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageHostView"];
                };
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "create-host": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                tenant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["HostBody"];
            };
        };
        responses: {
            201: {
                headers: {
                    "Content-Location"?: string;
                    "Idempotency-Replayed"?: "true";
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HostView"];
                };
            };
        };
    };
    "get-host": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                tenant: string;
                email: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "Content-Location"?: string;
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HostView"];
                };
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "delete-host": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                tenant: string;
                email: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "change-host": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                tenant: string;
                email: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChangeHostBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    "Content-Location"?: string;
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HostView"];
                };
            };
        };
    };
    "get-ledger": {
        parameters: {
            query?: {
                from?: string;
                to?: string;
                period?: string;
                limit?: number;
                cursor?: string;
                format?: "json" | "ndjson" | "csv" | "xlsx" | "parquet";
            };
            header?: never;
            path: {
                tenant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "Content-Disposition"?: string;
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageLedgerRecord"];
                    "application/vnd.apache.parquet": string;
                    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": string;
                    "application/x-ndjson": string;
                    "text/csv": string;
                };
            };
            303: {
                headers: {
                    Location?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "get-license": {
        parameters: {
            query?: never;
            header?: {
                "If-None-Match"?: string;
                "If-Modified-Since"?: string;
            };
            path: {
                tenant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LicenseView"];
                };
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "put-license": {
        parameters: {
            query?: never;
            header?: {
                "If-Match"?: string;
                "If-None-Match"?: string;
                "If-Unmodified-Since"?: string;
            };
            path: {
                tenant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LicenseBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    ETag?: string;
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LicenseView"];
                };
            };
            201: {
                headers: {
                    ETag?: string;
                    "Last-Modified"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LicenseView"];
                };
            };
        };
    };
    "get-license-history": {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path: {
                tenant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageRevisionView"];
                };
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "erase-person": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                tenant: string;
                identity: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "restore-tenant": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                tenant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TenantView"];
                };
            };
        };
    };
    "get-seats": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                tenant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SeatsView"];
                };
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "renew-seats": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                tenant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RenewManyBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RenewedManyView"];
                };
            };
        };
    };
    "get-seat": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                tenant: string;
                seat: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SeatStateView"];
                };
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "renew-seat": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                tenant: string;
                seat: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["RenewBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RenewedView"];
                };
            };
        };
    };
    "release-seat": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                tenant: string;
                seat: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "list-statements": {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path: {
                tenant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageStatementView"];
                };
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "close-period": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                tenant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["StatementBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Statement"];
                };
            };
            201: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Statement"];
                };
            };
            202: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClosingView"];
                };
            };
        };
    };
    "get-statement": {
        parameters: {
            query?: {
                format?: "json" | "csv" | "xlsx";
                revision?: number;
            };
            header?: never;
            path: {
                tenant: string;
                period: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "Content-Disposition"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Statement"];
                    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": string;
                    "text/csv": string;
                };
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "get-closing": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                tenant: string;
                period: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClosingView"];
                };
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "get-usage": {
        parameters: {
            query?: {
                from?: string;
                to?: string;
                period?: string;
                granularity?: "quarter_hour" | "hour" | "day" | "month" | "total";
                group_by?: "host" | "conference";
                total?: boolean;
                format?: "json" | "csv" | "xlsx";
            };
            header?: never;
            path: {
                tenant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "Content-Disposition"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UsageView"];
                    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": string;
                    "text/csv": string;
                };
            };
            303: {
                headers: {
                    Location?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "get-peak": {
        parameters: {
            query?: {
                from?: string;
                to?: string;
                period?: string;
                limit?: number;
                cursor?: string;
                format?: "json" | "csv";
            };
            header?: never;
            path: {
                tenant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "Content-Disposition"?: string;
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PeakView"];
                    "text/csv": string;
                };
            };
            303: {
                headers: {
                    Location?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "list-refusals": {
        parameters: {
            query?: {
                from?: string;
                to?: string;
                period?: string;
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path: {
                tenant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageRefusalView"];
                };
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "get-sizing": {
        parameters: {
            query?: {
                from?: string;
                to?: string;
                period?: string;
                seats?: number[];
                format?: "json" | "csv";
            };
            header?: never;
            path: {
                tenant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "Content-Disposition"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SizingView"];
                    "text/csv": string;
                };
            };
            303: {
                headers: {
                    Location?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "list-webhooks": {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path: {
                tenant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageWebhookView"];
                };
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "create-webhook": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                tenant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WebhookBody"];
            };
        };
        responses: {
            201: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookSecretView"];
                };
            };
        };
    };
    "get-webhook": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                tenant: string;
                webhook: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookView"];
                };
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "delete-webhook": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                tenant: string;
                webhook: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "change-webhook": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                tenant: string;
                webhook: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChangeWebhookBody"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookView"];
                };
            };
        };
    };
    "list-deliveries": {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path: {
                tenant: string;
                webhook: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PageDeliveryView"];
                };
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    "rotate-webhook-secret": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                tenant: string;
                webhook: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookSecretView"];
                };
            };
        };
    };
    "test-webhook": {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string;
            };
            path: {
                tenant: string;
                webhook: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeliveryView"];
                };
            };
        };
    };
    "list-usage": {
        parameters: {
            query: {
                limit?: number;
                cursor?: string;
                period: string;
                format?: "json" | "csv" | "xlsx";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    "Content-Disposition"?: string;
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TenantsUsageView"];
                    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": string;
                    "text/csv": string;
                };
            };
            303: {
                headers: {
                    Location?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
}
