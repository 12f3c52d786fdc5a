const n=null,l=null,t=null;export{t as Miew,l as Viewer,n as default};
