/** What every subject of the API begins with. A page, which sends nothing to NATS, knows no more of subjects. */
export const apiPrefix = 'cloud.api.v1';
