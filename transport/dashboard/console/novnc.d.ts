/** The package has its class where its types, which are others', have none. */
/// <reference types="novnc__novnc" />
declare module '@novnc/novnc' {
  export { default } from '@novnc/novnc/lib/rfb';
}
